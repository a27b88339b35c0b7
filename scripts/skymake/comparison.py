"""The table of all models on all benchmarks: its columns, and how it is said in words.

One row a benchmark (`mean` is the last) and model, in per cent and points. `kind` is `measured` or `published`.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from skymake.statistics import SHARES

MEAN = "mean"
COLUMNS = [
    *("benchmark", "model", "kind", "problems", "samples", "score", "stderr", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high", "p_value", "within_noise"),
    *(*SHARES, "mean_tokens", "sampling", "graders", "source"),
]


def build(rows: list[dict[str, Any]], benchmarks: list[str]) -> pd.DataFrame:
    """The table of these rows, benchmark by benchmark; the order of models is that of the rows."""
    order = [*benchmarks, MEAN]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"problems": "Int64", "samples": "Int64"})
    return table.sort_values("benchmark", key=lambda names: names.map(order.index), kind="stable")


def read(path: str | Path) -> pd.DataFrame:
    """The table of a file that `compare_models` wrote."""
    return pd.read_csv(path, dtype={"problems": "Int64", "samples": "Int64", "within_noise": "boolean"})


def label(row: Any) -> str:
    """A model as the head of a column."""
    return row.model if row.kind == "measured" else f"{row.model} (published)"


def phrase(row: Any) -> str:
    """A difference in words, such as `+12.5 [+3.0, +22.1] p=0.012` or `+3.3 [-20.3, +26.3] within noise`."""
    if pd.isna(row.difference):
        return ""
    text = f"{row.difference:+.1f} [{row.difference_low:+.1f}, {row.difference_high:+.1f}]"
    if row.within_noise:
        return f"{text} within noise"
    if pd.isna(row.p_value):
        return text
    return f"{text} p<0.001" if row.p_value < 0.001 else f"{text} p={row.p_value:.3f}"


def markdown(table: pd.DataFrame) -> str:
    """Benchmarks down and models across: scores, then differences to the baseline. Reads well in a terminal."""
    rows = list(table.itertuples())
    scores = [(row.benchmark, label(row), f"{row.score:.1f} [{row.low:.1f}, {row.high:.1f}]") for row in rows]
    text = "Per cent correct, with 95 % intervals.\n\n" + _crossed(scores)
    compared = [row for row in rows if not pd.isna(row.difference)]
    if compared:
        changes = [(row.benchmark, label(row), phrase(row)) for row in compared]
        text += f"\nPoints above {compared[0].baseline}, with 95 % intervals.\n\n" + _crossed(changes)
    return text


def _crossed(cells: Sequence[tuple[str, str, str]]) -> str:
    """(row, column, text) as a Markdown table whose columns are padded to the same width."""
    texts = {(row, column): text for row, column, text in cells}
    columns = dict.fromkeys(column for _, column, _ in cells)
    lines = [["benchmark", *columns]]
    lines += [
        [row, *(texts.get((row, column), "") for column in columns)] for row in dict.fromkeys(c[0] for c in cells)
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "".join(_padded(line, widths) for line in lines)


def _padded(line: Iterable[str], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |\n"
