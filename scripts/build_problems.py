"""Rule build_problems: published rows of one source become the problems of one set, sharded by a stable hash."""

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from skymake import UserError, difficulty, records, rule, sources
from skymake.records import Origin, Problem, Reference
from skymake.sources import filters
from skymake.sources.funnel import Funnel
from skymake.sources.row import Adapted, Broken, Drop


class LabelColumns(records.Record):
    """The columns of the labels: the question, and its difficulty."""

    question: str
    difficulty: str


class SetSpec(records.Record):
    """A set as its config describes it. `limit`: at most so many problems, the first ones of the source."""

    source: str
    adapter: str
    revision: str
    filters: dict[str, Any]
    limit: int | None
    time_limit_s: float
    labels: LabelColumns | None = None


def build_problems(
    source: str,
    labels: list[str],
    problems: list[str],
    references: list[str],
    drops: str,
    set: str,
    spec: dict[str, Any],
) -> None:
    """Write the problems of `set` and the reference solutions they ship with, one file each a shard, and the count of
    every row that made no problem.

    labels: files of difficulties, which replace those of the rows; none where the rows have their own. Raises
    UserError when no row makes a problem.
    """
    try:
        typed = msgspec.convert(spec, SetSpec)
        wanted = filters.parse(typed.filters, sources.adapter(typed.adapter).row)
    except (msgspec.ValidationError, UserError) as error:
        raise UserError(f"set {set}: {error}") from None
    known = difficulty.read(labels, typed.labels.question, typed.labels.difficulty) if typed.labels else None
    funnel = Funnel()
    adapted = adapt(source, typed.adapter, wanted, known, funnel)
    write_shards(problems, references, islice(identify(adapted, set, typed, funnel), typed.limit))
    if funnel.kept == 0:
        raise UserError(f"set {set}: none of the {funnel.rows} rows of {source} makes a problem: {funnel.summary()}")
    records.write_json(drops, {"set": set, "source": typed.source, **funnel.summary()})


def adapt(
    source: str, name: str, wanted: filters.Filters, labels: difficulty.Labels | None, funnel: Funnel
) -> Iterator[tuple[int, Adapted]]:
    """Row numbers and what the adapter `name` makes of the rows, in the published order of the filters."""
    adapter, position = sources.adapter(name), -1
    for number, row in enumerate(records.read(source, adapter.row)):
        funnel.rows += 1
        if not wanted.has_columns(row):
            funnel.drop(number, "filtered by a column")
            continue
        position += 1
        if not wanted.has_position(position):
            funnel.drop(number, "filtered by the range of rows")
            continue
        try:
            adapted = adapter.adapt(row)
        except Drop as reason:
            funnel.drop(number, str(reason))
            continue
        except Broken as error:
            raise records.RecordError(f"{source}:{number + 1}: {error}") from None
        if labels is not None:
            adapted.difficulty = labels.of(adapted.question)
        if wanted.has_difficulty(adapted.difficulty):
            yield number, adapted
        else:
            funnel.drop(number, "filtered by difficulty" if adapted.difficulty is not None else "filtered as unrated")


def identify(
    adapted: Iterable[tuple[int, Adapted]], name: str, spec: SetSpec, funnel: Funnel
) -> Iterator[tuple[Problem, list[str]]]:
    """The distinct problems of the set `name`, with their reference solutions."""
    seen = set()
    for number, each in adapted:
        problem = each.identified(name, Origin(spec.source, spec.revision, number), spec.time_limit_s)
        if problem.id in seen:
            funnel.drop(number, "a repeat of an earlier row")
            continue
        seen.add(problem.id)
        funnel.keep(number, each.remarks)
        yield problem, each.solutions


def shard_of(problem: Problem, shards: int) -> int:
    """The shard of a problem: by its id alone."""
    return int(problem.id.rpartition("-")[2], 16) % shards


def write_shards(problems: list[str], references: list[str], made: Iterable[tuple[Problem, list[str]]]) -> None:
    """Write each problem, and its reference solutions, to the files of its shard. All appear together, or none."""
    encoder = msgspec.json.Encoder()
    with contextlib.ExitStack() as stack:
        asked, shipped = (
            [stack.enter_context(open(stack.enter_context(records.replacing(path)), "wb")) for path in paths]
            for paths in (problems, references)
        )
        for problem, solutions in made:
            shard = shard_of(problem, len(asked))
            asked[shard].write(encoder.encode(problem) + b"\n")
            if solutions:
                shipped[shard].write(encoder.encode(Reference(problem.id, solutions)) + b"\n")


if __name__ == "__main__":
    rule.run(build_problems, snakemake)
