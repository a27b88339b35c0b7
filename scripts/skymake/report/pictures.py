"""The pictures of the report, drawn by matplotlib as SVG that lives inside the page.

A picture is drawn in stand-in colours that become the page's CSS variables, so it follows the reader's light or dark
mode and the printer; its text stays text. Pictures have the width of a phone, and stand side by side on a desk.
"""

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from skymake import comparison
from skymake.funnel import STAGES, Funnel, SetFunnel
from skymake.statistics import Score

WIDTH = 5.0  # inches: 360 units of the picture
ROW = 0.29  # inches a row of a chart
INK, QUIET, RULE, TINT, PAPER, GOOD, BAD = (f"#00ff0{number}" for number in range(1, 8))
SERIES = [f"#00ff1{number}" for number in range(8)]
VARIABLES = {INK: "ink", QUIET: "quiet", RULE: "rule", TINT: "tint", PAPER: "paper", GOOD: "good", BAD: "bad"}
VARIABLES |= {colour: f"series-{number}" for number, colour in enumerate(SERIES)}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "skymake",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.5,
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
    svg = re.sub(r' ((width|height)="[\d.]+pt"|xmlns(:xlink)?="[^"]*")', "", svg)
    used = set(re.findall(r"#([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return re.sub(r"\n\s*", "\n", svg)


def canvas(height: float) -> tuple[Figure, Axes]:
    """A figure of the report's width and this many inches height."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def shares(counts: Iterable[int], whole: int) -> list[str]:
    """Counts as notes of a chart, each with its share of the whole; the whole itself has none."""
    return [f"{n:,}" if n == whole else f"{n:,} ({n / max(whole, 1):.0%})" for n in counts]


def bars(
    labels: Sequence[str],
    values: Sequence[int],
    notes: Sequence[str],
    colours: Sequence[str],
    ghosts: Sequence[int] = (),
) -> Figure:
    """Horizontal bars from the top down, over pale `ghosts` of what there was before, with a note at their ends."""
    ghosts = ghosts or values
    figure, axes = canvas(ROW * len(labels) + 0.1)
    axes.barh(range(len(labels)), ghosts, color=TINT, height=0.64)
    axes.barh(range(len(labels)), values, color=colours, height=0.64)
    for row, note in enumerate(notes):
        end = max(values[row], ghosts[row])
        axes.annotate(note, (end, row), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set(xticks=[], yticks=range(len(labels)), yticklabels=labels, xlim=(0, 1.45 * (max(ghosts) or 1)))
    axes.spines["bottom"].set_visible(False)
    axes.invert_yaxis()
    return figure


@picture
def scores(table: pd.DataFrame, colours: Mapping[str, str]) -> tuple[Figure, str]:
    """All models on one benchmark, from the top down: a dot with its 95 % interval, hollow where it is published."""
    figure, axes = canvas(ROW * len(table) + 0.4)
    for row, entry in enumerate(table.itertuples()):
        colour = colours[entry.model]
        face = colour if entry.kind == "measured" else PAPER
        axes.plot([entry.low, entry.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot(entry.score, row, "o", ms=6.5, mfc=face, mec=colour, mew=1.6, clip_on=False)
        axes.annotate(f"{entry.score:.1f}", (1.04, row), xycoords=("axes fraction", "data"), va="center")
    axes.set(xlim=(-2, 102), ylim=(len(table) - 0.4, -0.6), yticks=range(len(table)), yticklabels=table["model"])
    axes.set(xticks=range(0, 101, 25))
    axes.grid(axis="x")
    words = [f"{comparison.label(e)} {e.score:.1f} ({e.low:.1f} to {e.high:.1f})" for e in table.itertuples()]
    return figure, f"Per cent correct on {table['benchmark'].iloc[0]}, with 95 % intervals: " + ", ".join(words) + "."


@picture
def flow(funnel: Funnel, colours: Mapping[str, str]) -> tuple[Figure, str]:
    """The stages from the top down, each as wide as the records it has, a band a set."""
    counts = np.array([[part.counts[stage] for part in funnel.sets] for stage in STAGES])
    totals = counts.sum(axis=1)
    edges = np.hstack([np.zeros((len(STAGES), 1)), counts.cumsum(axis=1)]) - totals[:, None] / 2
    steps = np.linspace(0, 1, 21)
    ease = 3 * steps**2 - 2 * steps**3
    figure, axes = canvas(0.62 * len(STAGES))
    for number, part in enumerate(funnel.sets):
        for stage in range(len(STAGES)):
            left, right = edges[stage, number : number + 2]
            axes.fill_betweenx([stage - 0.12, stage + 0.12], left, right, color=colours[part.set], linewidth=0)
            if stage + 1 < len(STAGES):
                below = edges[stage + 1, number : number + 2]
                sides = [start + (end - start) * ease for start, end in zip((left, right), below, strict=True)]
                axes.fill_betweenx(
                    stage + 0.12 + 0.76 * steps, *sides, color=colours[part.set], alpha=0.45, linewidth=0
                )
    for stage, note in enumerate(shares(totals.tolist(), totals[0])):
        axes.annotate(note, (1.02, stage), xycoords=("axes fraction", "data"), va="center")
    axes.set(yticks=range(len(STAGES)), yticklabels=STAGES, xticks=[], ylim=(len(STAGES) - 0.8, -0.2))
    axes.spines["bottom"].set_visible(False)
    return figure, f"Recipe {funnel.recipe}: " + ", ".join(
        f"{n} {s}" for s, n in zip(STAGES, totals, strict=True)
    ) + "."


@picture
def stages(part: SetFunnel, colour: str) -> tuple[Figure, str]:
    """What is left of a set at every stage, over what there was at the stage before."""
    counts = [part.counts[stage] for stage in STAGES]
    figure = bars(STAGES, counts, shares(counts, counts[0]), [colour] * len(counts), ghosts=[counts[0], *counts[:-1]])
    return figure, f"{part.set}: " + ", ".join(f"{count} {stage}" for stage, count in part.counts.items()) + "."


@picture
def rejections(counts: Mapping[str, int]) -> tuple[Figure, str]:
    """Rejected traces by status."""
    labels, values = [status.replace("_", " ") for status in counts], list(counts.values())
    figure = bars(labels, values, shares(values, sum(values)), [BAD] * len(counts))
    return figure, "Rejected traces: " + ", ".join(f"{status} {count}" for status, count in counts.items()) + "."


@picture
def mixture(funnel: Funnel, colours: Mapping[str, str]) -> tuple[Figure, str]:
    """Rows of the training set by the set they come from."""
    rows = {part.set: part.counts["kept"] for part in funnel.sets}
    total = sum(rows.values())
    figure = bars(list(rows), list(rows.values()), shares(rows.values(), total), [colours[name] for name in rows])
    return figure, f"{total} rows: " + ", ".join(f"{name} {count}" for name, count in rows.items()) + "."


@picture
def difficulty(part: SetFunnel, colour: str) -> tuple[Figure, str]:
    """The problems of a set by difficulty, and how many of them are in the training set."""
    asked, kept = zip(*part.difficulty.values(), strict=True)
    figure, axes = canvas(1.9)
    axes.bar(list(part.difficulty), asked, color=TINT)
    axes.bar(list(part.difficulty), kept, color=colour)
    axes.set(xlabel="difficulty, as the source rates it", ylabel="problems")
    axes.grid(axis="y")
    words = [f"{step}: {few} of {all}" for step, (all, few) in part.difficulty.items()]
    return figure, f"Problems of {part.set} kept, by difficulty. " + "; ".join(words) + "."


@picture
def lengths(funnel: Funnel) -> tuple[Figure, str]:
    """How long the raw traces are: filtered ones, and rejected ones on top."""
    right, wrong = (np.sum([part.tokens[name] for part in funnel.sets], axis=0) for name in ("filtered", "rejected"))
    edges = np.asarray(funnel.token_edges)
    figure, axes = canvas(2.4)
    bins = {"width": 0.92 * np.diff(edges), "align": "edge"}
    axes.bar(edges[:-1], right, color=GOOD, **bins)
    axes.bar(edges[:-1], wrong, bottom=right, color=BAD, **bins)
    axes.set(xlabel="completion tokens", ylabel="traces", xlim=(0, edges[-1]))
    axes.grid(axis="y")
    return figure, f"Lengths of {right.sum()} filtered and {wrong.sum()} rejected traces, up to {edges[-1]:.0f} tokens."


@picture
def loss(runs: Mapping[str, pd.DataFrame], colours: Mapping[str, str]) -> tuple[Figure, str]:
    """Training loss by optimizer step; a run has the columns `step` and `loss`."""
    figure, axes = canvas(2.8)
    for name, run in runs.items():
        axes.plot(run["step"], run["loss"], color=colours[name], linewidth=1.8)
    axes.set(xlabel="optimizer step", ylabel="loss", ylim=(0, None), xlim=(0, None))
    axes.grid(axis="y")
    words = [f"{name} from {run['loss'].iloc[0]:.2f} to {run['loss'].iloc[-1]:.2f}" for name, run in runs.items()]
    return figure, "Training loss: " + "; ".join(words) + "."


@picture
def effort(scores: Sequence[Score], colours: Mapping[str, str]) -> tuple[Figure, str]:
    """Accuracy against the mean length of the answers, a dot a model and benchmark."""
    figure, axes = canvas(2.8)
    for score in scores:
        x, y = score.completion_tokens["mean"], 100 * score.accuracy.value
        interval = [100 * score.accuracy.low, 100 * score.accuracy.high]
        axes.plot([x, x], interval, color=colours[score.model], linewidth=1.2, alpha=0.7)
        axes.plot(x, y, "o", color=colours[score.model], markersize=6)
    axes.set(xlabel="mean completion tokens", ylabel="per cent correct", ylim=(-2, 102))
    axes.margins(x=0.1)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y")
    words = [f"{s.model}, {s.benchmark}: {100 * s.accuracy.value:.1f} %" for s in scores]
    return figure, "Per cent correct against mean completion tokens. " + "; ".join(words) + "."
