"""The table of all models on all benchmarks: its columns, and how it is said in words.

One row a benchmark (`mean` is the last) and model, in per cent and points. `kind` is `measured` or `published`.
`difference` is to the baseline of the same kind; `gap` is from the number published of the same model to the measured.
`decontaminated` is false where a training set of the model was not compared with the benchmark, and empty for a model
that was not trained here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from skymake.statistics import SHARES

MEAN = "mean"
STAR = "* The training set was not compared with this benchmark, whose problems it may hold.\n"
COLUMNS = [
    *("benchmark", "model", "kind", "problems", "samples", "score", "stderr", "low", "high"),
    *("baseline", "difference", "difference_low", "difference_high", "p_value", "within_noise"),
    *("published", "gap", "gap_low", "gap_high", "gap_within_noise"),
    *(*SHARES, "mean_tokens", "decontaminated", "sampling", "graders", "source"),
]


def build(rows: list[dict[str, Any]], benchmarks: list[str]) -> pd.DataFrame:
    """The table of these rows, benchmark by benchmark; the order of models is that of the rows."""
    order = [*benchmarks, MEAN]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"problems": "Int64", "samples": "Int64"})
    return table.sort_values("benchmark", key=lambda names: names.map(order.index), kind="stable")


def read(path: str | Path) -> pd.DataFrame:
    """The table of a file that `compare_models` wrote."""
    whole, yes_or_no = ("problems", "samples"), ("within_noise", "gap_within_noise", "decontaminated")
    return pd.read_csv(path, dtype=dict.fromkeys(whole, "Int64") | dict.fromkeys(yes_or_no, "boolean"))


def label(row: Any) -> str:
    """A model as the head of a column."""
    return row.model if row.kind == "measured" else f"{row.model} (published)"


def suspect(row: Any) -> bool:
    """Whether the model may have been trained on problems of the benchmark, since nobody looked."""
    return not pd.isna(row.decontaminated) and not row.decontaminated


def score(row: Any) -> str:
    """The score in words, such as `43.3 [27.3, 60.8]`, with a star where it is suspect."""
    return f"{row.score:.1f} [{row.low:.1f}, {row.high:.1f}]{' *' if suspect(row) else ''}"


def difference(row: Any) -> str:
    """The difference in words, such as `+12.5 [+3.0, +22.1] p=0.012` or `+3.3 [-20.3, +26.3] within noise`."""
    text = f"{row.difference:+.1f} [{row.difference_low:+.1f}, {row.difference_high:+.1f}]"
    if row.within_noise:
        return f"{text} within noise"
    if pd.isna(row.p_value):
        return text
    return f"{text} p<0.001" if row.p_value < 0.001 else f"{text} p={row.p_value:.3f}"


def gap(row: Any) -> str:
    """The gap in words, such as `-0.4 [-3.5, +2.7] within noise`."""
    text = f"{row.gap:+.1f} [{row.gap_low:+.1f}, {row.gap_high:+.1f}]"
    return f"{text} within noise" if row.gap_within_noise else text


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown that reads well in a terminal.

    What was measured has a row a benchmark and a column a model; what is published, of many models, the reverse.
    """
    above = f"oints above {next(iter(table['baseline'].dropna()), '')}"
    measured = ("benchmark", "model"), table[table["kind"] == "measured"]
    published = ("model", "benchmark"), table[table["kind"] == "published"]
    parts = [
        ("Per cent correct", *measured, "score", score),
        (f"P{above}", *measured, "difference", difference),
        ("Points above its published score", *measured, "gap", gap),
        ("Published elsewhere, per cent correct", *published, "score", score),
        (f"Published elsewhere, p{above}", *published, "difference", difference),
    ]
    tables = [
        f"{title}, with 95 % intervals.\n\n{_crossed(axes, part[part[column].notna()], say)}"
        for title, axes, part, column, say in parts
        if part[column].notna().any()
    ]
    return "\n".join([*tables, STAR] if any(map(suspect, table.itertuples())) else tables)


def _crossed(axes: tuple[str, str], table: pd.DataFrame, say: Callable[[Any], str]) -> str:
    """A Markdown table, padded, of what is said of every row: one column's values down, another's across."""
    down, across = axes
    texts = {(getattr(row, down), getattr(row, across)): say(row) for row in table.itertuples()}
    heads, names = table[across].unique(), table[down].unique()
    lines = [[down, *heads], *([name, *(texts.get((name, head), "") for head in heads)] for name in names)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in padded)
