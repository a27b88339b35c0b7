"""Lay the scores of all models side by side, with their uncertainty, their differences and the published numbers."""

from dataclasses import dataclass

import pandas as pd

from skymake import UserError, records, rule, statistics
from skymake.statistics import Difference, Estimate, Score

MEAN = "mean"
COLUMNS = [
    *("benchmark", "model", "kind", "problems", "samples", "score", "stderr", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high", "p_value", "within_noise", "source"),
]


@dataclass(frozen=True)
class Cell:
    """One model on one benchmark. `outcomes` is None, and `source` is set, where the number is a published one."""

    estimate: Estimate
    problems: int | None = None
    samples: int | None = None
    outcomes: statistics.Outcomes | None = None
    source: str | None = None


Column = tuple[str, str]
"""A model, and `measured` or `published`."""

Cells = dict[Column, dict[str, Cell]]
"""Column -> benchmark -> cell."""


def read_measured(scores: list[str], models: list[str]) -> Cells:
    """The scores measured here, in the order of `models`."""
    cells: Cells = {(model, "measured"): {} for model in models}
    for path in scores:
        score = records.read_json(path, Score)
        if (score.model, "measured") not in cells:
            raise UserError(f"{path}: a score of {score.model}, which is none of the models to compare")
        cells[score.model, "measured"][score.benchmark] = Cell(
            score.accuracy, score.problems, score.samples, score.outcomes
        )
    return {column: row for column, row in cells.items() if row}


def read_published(path: str, benchmarks: list[str]) -> Cells:
    """The published scores of these benchmarks: per cent of n problems, so with the Wilson interval of n problems."""
    table = pd.read_csv(path, comment="#")
    if lacking := {"model", "benchmark", "score", "n", "source"} - set(table.columns):
        raise UserError(f"{path}: no column {', '.join(sorted(lacking))}")
    cells: Cells = {}
    for number, row in enumerate(table.itertuples(), start=1):
        if not (0 <= row.score <= 100 and row.n >= 1):
            raise UserError(f"{path}: entry {number}: a score is per cent of n problems, not {row.score} of {row.n}")
        if row.benchmark in benchmarks:
            cell = Cell(statistics.wilson(row.score / 100, int(row.n)), problems=int(row.n), source=row.source)
            cells.setdefault((row.model, "published"), {})[row.benchmark] = cell
    return cells


def compare(ours: Cell, baseline: Cell) -> Difference:
    """Ours minus the baseline: paired where both were measured here, else as two independent samples of problems."""
    if ours.outcomes is None or baseline.outcomes is None:
        return Difference(statistics.combine([ours.estimate, baseline.estimate], [1, -1]), p_value=None)
    return statistics.difference(ours.outcomes, baseline.outcomes)


def mean(estimates: list[Estimate]) -> Estimate:
    return statistics.combine(estimates, [1 / len(estimates)] * len(estimates))


def compare_column(row: dict[str, Cell], baseline: dict[str, Cell], benchmarks: list[str]) -> dict[str, Difference]:
    """Benchmark -> difference wherever both have a cell, and the mean's where both have all of them."""
    differences = {}
    for benchmark in (name for name in benchmarks if name in row and name in baseline):
        try:
            differences[benchmark] = compare(row[benchmark], baseline[benchmark])
        except ValueError as error:
            raise UserError(f"{benchmark}: cannot be compared with the baseline: {error}") from None
    if len(differences) == len(benchmarks):
        differences[MEAN] = Difference(mean([d.estimate for d in differences.values()]), p_value=None)
    return differences


def tabulate(cells: Cells, benchmarks: list[str], baseline: str | None) -> pd.DataFrame:
    """One row a benchmark (and `mean`) and column, in per cent; published numbers have a published baseline."""
    rows = []
    for (model, kind), row in cells.items():
        reference = cells.get((baseline, kind), {}) if model != baseline else {}
        differences = compare_column(row, reference, benchmarks)
        if all(benchmark in row for benchmark in benchmarks):
            row = row | {MEAN: Cell(mean([row[benchmark].estimate for benchmark in benchmarks]))}
        for benchmark, cell in row.items():
            entry = dict.fromkeys(COLUMNS) | {"benchmark": benchmark, "model": model, "kind": kind}
            entry |= {"problems": cell.problems, "samples": cell.samples, "source": cell.source}
            entry |= {"score": 100 * cell.estimate.value, "stderr": 100 * cell.estimate.stderr}
            entry |= {"low": 100 * cell.estimate.low, "high": 100 * cell.estimate.high}
            if benchmark in differences:
                difference = differences[benchmark]
                entry |= {"baseline": baseline, "p_value": difference.p_value}
                entry |= {"difference": 100 * difference.estimate.value}
                entry |= {"difference_low": 100 * difference.estimate.low}
                entry |= {"difference_high": 100 * difference.estimate.high}
                entry |= {"within_noise": difference.within_noise}
            rows.append(entry)
    order = [*benchmarks, MEAN]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"problems": "Int64", "samples": "Int64"})
    return table.sort_values("benchmark", key=lambda names: names.map(order.index), kind="stable")


def render(table: pd.DataFrame, baseline: str | None) -> str:
    """The table as Markdown that reads well in a terminal: scores with intervals, then differences to the baseline."""
    label = table["model"] + table["kind"].map({"measured": "", "published": " (published)"})
    table = table.assign(
        column=label,
        cell=[f"{row.score:.1f} [{row.low:.1f}, {row.high:.1f}]" for row in table.itertuples()],
        change=[describe(row) for row in table.itertuples()],
    )
    text = "Scores in per cent with 95 % intervals.\n\n" + grid(table, "cell")
    compared = table[table["difference"].notna()]
    if len(compared):
        text += f"\nDifference to {baseline}, in points, with 95 % intervals.\n\n" + grid(compared, "change")
    return text


def describe(row) -> str:
    """A difference in words, such as `+12.5 [+3.0, +22.1] p=0.012` or `+3.3 [-20.3, +26.3] within noise`."""
    if pd.isna(row.difference):
        return ""
    text = f"{row.difference:+.1f} [{row.difference_low:+.1f}, {row.difference_high:+.1f}]"
    if row.within_noise:
        return f"{text} within noise"
    if pd.isna(row.p_value):
        return text
    return f"{text} p<0.001" if row.p_value < 0.001 else f"{text} p={row.p_value:.3f}"


def grid(table: pd.DataFrame, value: str) -> str:
    """A padded Markdown table: benchmarks down, columns across."""
    wide = table.pivot(index="benchmark", columns="column", values=value).fillna("")
    wide = wide.loc[table["benchmark"].unique(), table["column"].unique()].reset_index()
    lines = [list(wide.columns), *wide.to_numpy().tolist()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(wide.columns))]
    lines.insert(1, ["-" * width for width in widths])
    rows = ([text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in lines)
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


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
    table = tabulate(cells, benchmarks, baseline)
    with records.replacing(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    with records.replacing(markdown) as temporary:
        temporary.write_text(render(table, baseline), encoding="utf-8")


if __name__ == "__main__":
    rule.run(compare_models, snakemake)
