"""Which rows of a source a set takes, and which of their problems."""

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from skymake import UserError
from skymake.sources.row import Row


class Filters(msgspec.Struct):
    """What a set keeps, applied in this order.

    columns: the values that a published column may have; a text with `*` is a pattern. rows: first and last + 1 among
    the rows left by `columns`.
    difficulty: lowest and highest rating, inclusive; an unrated problem is outside of every range.
    """

    columns: dict[str, list[Any]]
    rows: tuple[int, int] | None = None
    difficulty: tuple[float, float] | None = None

    def has_columns(self, row: Row) -> bool:
        return all(_is_one_of(getattr(row, column), values) for column, values in self.columns.items())

    def has_position(self, position: int) -> bool:
        return self.rows is None or self.rows[0] <= position < self.rows[1]

    def has_difficulty(self, difficulty: float | None) -> bool:
        if self.difficulty is None:
            return True
        return difficulty is not None and self.difficulty[0] <= difficulty <= self.difficulty[1]


def parse(written: dict[str, Any], row: type[Row]) -> Filters:
    """The filters of a set as its config writes them.

    `rows` and `difficulty` are pairs of numbers; any other key, and a `difficulty` in words, is a published column
    with the value, or the list of values, that it may have. Raises UserError for a key that is no column.
    """
    ranges = {
        key: value for key, value in written.items() if key == "rows" or (key == "difficulty" and _is_pair(value))
    }
    columns = {
        key: value if isinstance(value, list) else [value] for key, value in written.items() if key not in ranges
    }
    attributes = {field.encode_name: field.name for field in msgspec.structs.fields(row)}
    for column in columns:
        if column not in attributes:
            raise UserError(f"filters: no column {column!r}; there are {', '.join(sorted(attributes))}")
    try:
        return msgspec.convert({"columns": {attributes[key]: columns[key] for key in columns}, **ranges}, Filters)
    except msgspec.ValidationError as error:
        raise UserError(f"filters: {error}") from None


def _is_one_of(value: Any, wanted: list[Any]) -> bool:
    return any(_is_like(value, one) for one in wanted)


def _is_like(value: Any, wanted: Any) -> bool:
    if isinstance(value, str) and isinstance(wanted, str) and "*" in wanted:
        return fnmatchcase(value, wanted)
    return value == wanted


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(end, int | float) for end in value)
