"""The pictures of the report, drawn by matplotlib as SVG that lives inside the page.

A picture is drawn in stand-in colours that become the page's CSS variables, so it follows the reader's light or dark
mode and the printer; its text stays text. Pictures have the width of a phone, and stand side by side on a desk.
"""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skymake.funnel import STAGES, Funnel, SetFunnel
from skymake.statistics import Score

WIDTH = 5.0  # inches: 360 units of the picture
ROW = 0.27  # inches a row of a bar chart
INK, QUIET, RULE, TINT = "#00ff01", "#00ff02", "#00ff03", "#00ff04"
SERIES = [f"#00ff1{number}" for number in range(6)]
VARIABLES = {INK: "ink", QUIET: "quiet", RULE: "rule", TINT: "tint"}
VARIABLES |= {colour: f"series-{number}" for number, colour in enumerate(SERIES)}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skymake",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@dataclass(frozen=True)
class Picture:
    """An inline SVG, and in words what it shows."""

    svg: str
    alt: str


def picture(draw: Callable[..., tuple[Figure, str]]) -> Callable[..., Picture]:
    """Make a function that returns a figure and its description return a Picture in the report's style."""

    @wraps(draw)
    def drawn(*args, **kwargs) -> Picture:
        with matplotlib.rc_context(STYLE):
            figure, alt = draw(*args, **kwargs)
            return Picture(to_svg(figure), alt)

    return drawn


def to_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element that fills its container and leaves colours and fonts to the page."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # named for editing by hand; would clash between the pictures of a page
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"\n\s*", "\n", svg)


def bars(labels: Sequence[str], values: Sequence[float], notes: Sequence[str], colours: Sequence[str]) -> Figure:
    """Horizontal bars from the top down, the label left of each and a note at its end."""
    figure = Figure(figsize=(WIDTH, ROW * len(labels) + 0.1), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(range(len(labels)), values, color=colours, height=0.62)
    for row, (value, note) in enumerate(zip(values, notes, strict=True)):
        axes.annotate(note, (value, row), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set(xticks=[], yticks=range(len(labels)), yticklabels=labels, xlim=(0, 1.45 * (max(values) or 1)))
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    return figure


@picture
def comparison(table: pd.DataFrame, colours: Mapping[str, str]) -> tuple[Figure, str]:
    """A dot with its 95 % interval a benchmark and model; published numbers are hollow."""
    order = list(table["benchmark"].unique())
    figure = Figure(figsize=(WIDTH, ROW * (len(table) + len(order)) + 0.4), layout="constrained")
    axes = figure.add_subplot()
    labels, row = {}, 0
    for benchmark in order:
        axes.annotate(benchmark, (0, row), xycoords=("axes fraction", "data"), va="center", weight="bold")
        row += 1
        for entry in table[table["benchmark"] == benchmark].itertuples():
            colour = colours[entry.model]
            face = colour if entry.kind == "measured" else "none"
            axes.plot([entry.low, entry.high], [row, row], color=colour, linewidth=2, solid_capstyle="round")
            axes.plot(entry.score, row, "o", color=colour, markerfacecolor=face, markersize=6)
            axes.annotate(f"{entry.score:.1f}", (1.02, row), xycoords=("axes fraction", "data"), va="center")
            labels[row] = entry.model if entry.kind == "measured" else f"{entry.model}, published"
            row += 1
    axes.set(xlim=(-1, 101), ylim=(row - 0.4, -0.6), yticks=list(labels), yticklabels=labels.values())
    axes.set_xlabel("per cent correct, with 95 % interval")
    axes.grid(axis="x")
    words = [f"{e.benchmark}, {e.model}: {e.score:.1f} ({e.low:.1f} to {e.high:.1f})" for e in table.itertuples()]
    return figure, "Per cent correct with 95 % intervals. " + "; ".join(words) + "."


@picture
def funnel(part: SetFunnel) -> tuple[Figure, str]:
    """What is left of a set after every stage."""
    counts = [part.stages[stage] for stage in STAGES]
    first = counts[0] or 1
    notes = [f"{count:,}" + (f"  {count / first:.0%}" if i else "") for i, count in enumerate(counts)]
    figure = bars(STAGES, counts, notes, [SERIES[0]] * len(STAGES))
    return figure, f"{part.set}: " + ", ".join(f"{count} {s}" for s, count in part.stages.items()) + "."


@picture
def rejections(counts: Mapping[str, int]) -> tuple[Figure, str]:
    """Verdicts other than `correct`, by status."""
    total = sum(counts.values())
    names = [status.replace("_", " ") for status in counts]
    notes = [f"{count:,}  {count / total:.0%}" for count in counts.values()]
    figure = bars(names, list(counts.values()), notes, [SERIES[3]] * len(counts))
    return figure, "Rejected traces: " + ", ".join(
        f"{n} {count}" for n, count in zip(names, counts.values(), strict=True)
    )


@picture
def mixture(funnel: Funnel) -> tuple[Figure, str]:
    """Rows of the training set by the set they come from."""
    rows = {part.set: part.stages["kept"] for part in funnel.sets}
    total = sum(rows.values()) or 1
    notes = [f"{count:,}  {count / total:.0%}" for count in rows.values()]
    figure = bars(list(rows), list(rows.values()), notes, [SERIES[1]] * len(rows))
    return figure, f"{sum(rows.values())} rows: " + ", ".join(f"{name} {count}" for name, count in rows.items()) + "."


@picture
def lengths(funnel: Funnel) -> tuple[Figure, str]:
    """How long the raw traces are, kept ones and rejected ones."""
    kept, lost = (np.sum([part.tokens[name] for part in funnel.sets], axis=0) for name in ("filtered", "rejected"))
    edges = np.asarray(funnel.token_edges)
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.bar(edges[:-1], kept, np.diff(edges), align="edge", color=SERIES[0])
    axes.bar(edges[:-1], lost, np.diff(edges), bottom=kept, align="edge", color=SERIES[3])
    axes.set(xlabel="completion tokens", ylabel="traces", xlim=(0, edges[-1]))
    axes.grid(axis="y")
    return figure, f"Lengths of {kept.sum()} filtered and {lost.sum()} rejected traces, up to {edges[-1]:.0f} tokens."


@picture
def loss(runs: Mapping[str, pd.DataFrame]) -> tuple[Figure, str]:
    """Training loss by optimizer step; the columns of a run are current_steps and loss."""
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    axes = figure.add_subplot()
    words = []
    for number, (name, run) in enumerate(runs.items()):
        axes.plot(run["current_steps"], run["loss"], color=SERIES[number % len(SERIES)], linewidth=1.8)
        words.append(f"{name} from {run['loss'].iloc[0]:.2f} to {run['loss'].iloc[-1]:.2f}")
    axes.set(xlabel="optimizer step", ylabel="loss", ylim=(0, None), xlim=(0, None))
    axes.grid(axis="y")
    return figure, "Training loss: " + "; ".join(words) + "."


@picture
def effort(scores: Sequence[Score], colours: Mapping[str, str]) -> tuple[Figure, str]:
    """Accuracy against the mean length of the answers, a dot a model and benchmark."""
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    axes = figure.add_subplot()
    for score in scores:
        tokens, colour = score.completion_tokens["mean"], colours[score.model]
        low, high = 100 * score.accuracy.low, 100 * score.accuracy.high
        axes.plot([tokens, tokens], [low, high], color=colour, linewidth=1.2)
        axes.plot(tokens, 100 * score.accuracy.value, "o", color=colour)
        axes.annotate(score.benchmark, (tokens, 100 * score.accuracy.value), xytext=(5, 3), textcoords="offset points")
    axes.set(xlabel="mean completion tokens", ylabel="per cent correct", ylim=(-2, 102), xlim=(0, None))
    axes.grid(axis="y")
    words = [
        f"{s.model} on {s.benchmark}: {100 * s.accuracy.value:.0f} % at {s.completion_tokens['mean']:.0f}"
        for s in scores
    ]
    return figure, "Accuracy against mean completion tokens. " + "; ".join(words) + "."
