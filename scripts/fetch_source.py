"""Rule fetch_source: published data files, of the Hugging Face hub or on a local disk, become the rows of a source."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from skymake import UserError, hub, records, rule, tables


class SourceSpec(records.Record):
    """Where the rows are: in the `files` (names or patterns) of a `dataset` at a `revision`, or of a local `path`.

    columns: those to keep, all of them when None. rows: how many rows there must be, where that is known.
    """

    files: list[str]
    dataset: str | None = None
    revision: str | None = None
    path: str | None = None
    columns: list[str] | None = None
    rows: int | None = None


def fetch_source(rows: str, source: str, spec: dict[str, Any]) -> None:
    """Write the published rows of `source`, one JSON object a line, in the order of its files."""
    try:
        typed = msgspec.convert(spec, SourceSpec)
    except msgspec.ValidationError as error:
        raise UserError(f"source {source}: {error}") from None
    files = data_files(source, typed)
    count = records.write(rows, tqdm(read(files, typed), desc=source, unit=" rows", mininterval=1))
    logging.info("%s: %d rows of %d files", source, count, len(files))


def data_files(source: str, spec: SourceSpec) -> list[Path]:
    """The data files of a source, fetched if need be."""
    if spec.dataset and spec.revision:
        return hub.fetch(spec.dataset, "dataset", spec.revision, spec.files)
    if not spec.path:
        raise UserError(f"source {source}: give it a dataset and a revision, or a path")
    found = [path for pattern in spec.files for path in sorted(Path(spec.path).glob(pattern))]
    if not found:
        raise UserError(f"source {source}: {spec.path} has no file {', '.join(spec.files)}")
    return found


def read(files: list[Path], spec: SourceSpec) -> Iterator[dict[str, Any]]:
    """The rows of all files. Raises UserError at the end when they are not as many as they should be."""
    count = 0
    for path in files:
        for row in tables.rows(path, spec.columns):
            count += 1
            yield row
    if spec.rows not in (None, count):
        names = ", ".join(path.name for path in files)
        raise UserError(f"{names}: {count} rows instead of {spec.rows}; correct `rows` or `revision` in the config")


if __name__ == "__main__":
    rule.run(fetch_source, snakemake)
