"""Rule compare_models: the scores of all models side by side, their differences, and the published numbers."""

import csv as csv_format
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from skymake import UserError, comparison, records, rule, statistics
from skymake.comparison import MEAN
from skymake.statistics import Difference, Estimate, Score


class Published(records.Record):
    """An entry of the file of published scores: per cent of n problems, and who says so."""

    model: str
    benchmark: str
    score: Annotated[float, msgspec.Meta(ge=0, le=100)]
    n: Annotated[int, msgspec.Meta(ge=1)]
    source: str


@dataclass(frozen=True)
class Cell:
    """One model on one benchmark: measured here, with its score, or published elsewhere, with its source."""

    estimate: Estimate
    score: Score | None = None
    problems: int | None = None
    source: str | None = None


Cells = dict[tuple[str, str], dict[str, Cell]]
"""Model and kind (`measured` or `published`) -> benchmark -> cell."""


def compare_models(
    scores: list[str],
    published: str | list[str],
    csv: str,
    markdown: str,
    models: list[str],
    benchmarks: list[str],
    baseline: str | None,
) -> None:
    """Write the comparison of all models on all benchmarks; `published` is a CSV file, or empty for none."""
    cells = read_measured(scores, models)
    if published:
        cells |= read_published(published, benchmarks)
    table = comparison.build(tabulate(cells, benchmarks, baseline), benchmarks)
    with records.replacing(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with records.replacing(markdown) as temporary:
        temporary.write_text(comparison.markdown(table), encoding="utf-8")


def read_measured(scores: list[str], models: list[str]) -> Cells:
    """The scores measured here, in the order of `models`."""
    cells: Cells = {(model, "measured"): {} for model in models}
    for path in scores:
        score = records.read_json(path, Score)
        if (score.model, "measured") not in cells:
            raise UserError(f"{path}: a score of {score.model}, which is none of the models to compare")
        cells[score.model, "measured"][score.benchmark] = Cell(score.accuracy, score, score.problems)
    return {column: row for column, row in cells.items() if row}


def read_published(path: str, benchmarks: list[str]) -> Cells:
    """The published scores of these benchmarks, with the Wilson intervals of their numbers of problems."""
    cells: Cells = {}
    with open(path, newline="", encoding="utf-8") as lines:
        for number, entry in enumerate(csv_format.DictReader(line for line in lines if line[0] != "#"), start=1):
            try:
                row = msgspec.convert(entry, Published, strict=False)
            except msgspec.ValidationError as error:
                raise UserError(f"{path}: entry {number}: {error}") from None
            column = cells.setdefault((row.model, "published"), {}) if row.benchmark in benchmarks else {}
            if row.benchmark in column:
                raise UserError(f"{path}: entry {number}: {row.model} has a score on {row.benchmark} already")
            column[row.benchmark] = Cell(statistics.wilson(row.score / 100, row.n), problems=row.n, source=row.source)
    return cells


def tabulate(cells: Cells, benchmarks: list[str], baseline: str | None) -> list[dict[str, Any]]:
    """The rows of the comparison, in per cent; published numbers are held against a published baseline."""
    rows = []
    for (model, kind), row in cells.items():
        reference = cells.get((baseline, kind), {}) if model != baseline else {}
        differences = compare(row, reference, benchmarks)
        published = cells.get((model, "published"), {}) if kind == "measured" else {}
        if len(row) == len(benchmarks) > 1:
            row = row | {MEAN: Cell(mean([row[benchmark].estimate for benchmark in benchmarks]))}
        for benchmark, cell in row.items():
            entry = {"benchmark": benchmark, "model": model, "kind": kind} | describe(cell)
            if difference := differences.get(benchmark):
                entry |= in_points("difference", difference.estimate) | {"baseline": baseline}
                entry |= {"p_value": difference.p_value, "within_noise": difference.within_noise}
            if benchmark in published:
                gap = statistics.combine([cell.estimate, published[benchmark].estimate], [1, -1])
                entry |= in_points("gap", gap) | {"gap_within_noise": not gap.excludes_zero}
                entry |= {"published": 100 * published[benchmark].estimate.value}
            rows.append(entry)
    return rows


def compare(row: dict[str, Cell], baseline: dict[str, Cell], benchmarks: list[str]) -> dict[str, Difference]:
    """Benchmark -> difference wherever both have a cell, and the mean's where both have all of them."""
    differences = {}
    for benchmark in (name for name in benchmarks if name in row and name in baseline):
        try:
            differences[benchmark] = subtract(row[benchmark], baseline[benchmark])
        except ValueError as error:
            raise UserError(f"{benchmark}: cannot be compared with the baseline: {error}") from None
    if len(differences) == len(benchmarks):
        differences[MEAN] = Difference(mean([each.estimate for each in differences.values()]), p_value=None)
    return differences


def subtract(ours: Cell, baseline: Cell) -> Difference:
    """Ours minus the baseline: paired where both were measured here, else as two independent samples of problems."""
    if ours.score and baseline.score:
        return statistics.difference(ours.score.outcomes, baseline.score.outcomes)
    return Difference(statistics.combine([ours.estimate, baseline.estimate], [1, -1]), p_value=None)


def mean(estimates: list[Estimate]) -> Estimate:
    """The unweighted mean of independent estimates."""
    return statistics.combine(estimates, [1 / len(estimates)] * len(estimates))


def describe(cell: Cell) -> dict[str, Any]:
    """A cell's part of a row, in per cent."""
    values = {name: 100 * getattr(cell.estimate, name) for name in ("stderr", "low", "high")}
    values |= {"score": 100 * cell.estimate.value, "problems": cell.problems, "source": cell.source}
    if score := cell.score:
        values |= {name: 100 * share for name, share in statistics.shares(score).items()}
        values |= {"samples": score.samples, "mean_tokens": score.completion_tokens.get("mean")}
        values |= {"graders": "; ".join(score.graders), "decontaminated": score.decontaminated}
        values |= {"sampling": msgspec.json.encode(score.sampling, order="deterministic").decode()}
    return values


def in_points(name: str, difference: Estimate) -> dict[str, float]:
    """A difference's part of a row."""
    return {name: 100 * difference.value, f"{name}_low": 100 * difference.low, f"{name}_high": 100 * difference.high}


if __name__ == "__main__":
    rule.run(compare_models, snakemake)
