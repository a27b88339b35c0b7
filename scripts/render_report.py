"""Rule render_report: one page that opens offline, made of the small files that other rules have written."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pandas as pd

from skymake import UserError, records, rule, statistics
from skymake import comparison as comparisons
from skymake.funnel import STAGES, Example, Funnel
from skymake.report import pictures
from skymake.report.pictures import SERIES
from skymake.statistics import Score

PAGE = Path(pictures.__file__).parent


class Step(msgspec.Struct):
    """What is needed here of a line of LLaMA-Factory's trainer_log.jsonl; the last line has no loss."""

    current_steps: int
    loss: float | None = None


def render_report(
    comparison: str,
    scores: list[str],
    funnels: list[str],
    trainer_logs: list[str],
    html: str,
    title: str,
    settings: dict[str, Any],
) -> None:
    """Write the report of a project. A training is named by the folder that its trainer_log.jsonl lies in."""
    table = read_table(comparison)
    rows = {(row.benchmark, comparisons.label(row)): row for row in table.itertuples()}
    benchmarks, columns = (list(dict.fromkeys(names)) for names in zip(*rows, strict=True))
    read = [records.read_json(path, Score) for path in scores]
    read.sort(key=lambda score: (benchmarks.index(score.benchmark), columns.index(score.model)))
    counted = [records.read_json(path, Funnel) for path in funnels]
    losses = {Path(path).parent.name: read_loss(path) for path in trainer_logs}
    page = (
        environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            settings=settings,
            table=table,
            benchmarks=benchmarks,
            columns=columns,
            cells=defaultdict(lambda: None, rows),
            palette=colours([*table["model"], *losses]),
            lead=choose_lead(table, [funnel.recipe for funnel in counted]),
            scores=read,
            asked=ask(read),
            funnels=counted,
            losses=losses,
        )
    )
    with records.replacing(html) as temporary:
        temporary.write_text(page, encoding="utf-8")


def read_table(path: str) -> pd.DataFrame:
    """The comparison; a report without a score is none."""
    table = comparisons.read(path)
    if table.empty:
        raise UserError(f"{path}: no score to report")
    return table


def read_loss(path: str) -> pd.DataFrame:
    """The loss of a training by optimizer step."""
    steps = [(line.current_steps, line.loss) for line in records.read(path, Step) if line.loss is not None]
    return pd.DataFrame(steps, columns=["step", "loss"])


def choose_lead(table: pd.DataFrame, recipes: list[str]) -> Any:
    """The row that the report is about: the model that gained most by training, on the mean of the benchmarks."""
    last = table[(table["benchmark"] == table["benchmark"].iloc[-1]) & (table["kind"] == "measured")]
    trained = last[last["model"].isin(recipes)]
    rows = (last if trained.empty else trained).sort_values("difference", ascending=False, na_position="last")
    return next(rows.itertuples(), None)


def ask(scores: list[Score]) -> dict[str, list[str]]:
    """How models were asked and graded -> the benchmarks that it holds for."""
    ways: dict[str, list[str]] = {}
    for score in scores:
        settings = ", ".join(" ".join(line) for line in flatten(score.sampling))
        where = ways.setdefault(f"{settings}; {', '.join(score.graders)}", [])
        where += [score.benchmark] if score.benchmark not in where else []
    return ways


def colours(names: Iterable[str], first: int = 0) -> dict[str, str]:
    """Name -> its colour, from the series' colours in turn, beginning with the one of number `first`."""
    return {name: SERIES[(first + n) % len(SERIES)] for n, name in enumerate(dict.fromkeys(names))}


def rejected(funnel: Funnel) -> dict[str, int]:
    """Status -> rejected traces of a recipe, raw and reformatted, the most frequent first."""
    total: Counter[str] = Counter()
    for part in funnel.sets:
        total.update(part.lost.get("filtered", {}))
        total.update(part.lost.get("verified", {}))
    return dict(total.most_common())


def examples(funnel: Funnel) -> dict[str, list[tuple[str, Example]]]:
    """Status -> (set, example) of rejected traces of a recipe, the most frequent status first."""
    found: dict[str, list[tuple[str, Example]]] = {status: [] for status in rejected(funnel)}
    for part in funnel.sets:
        for example in part.examples:
            found[example.status].append((part.set, example))
    return {status: some for status, some in found.items() if some}


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted key, value) lines."""
    if isinstance(value, dict) and value:
        return [line for key, inner in value.items() for line in flatten(inner, f"{prefix}.{key}" if prefix else key)]
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value)
    return [(prefix, "none" if value in (None, "", {}) else str(value))]


def environment() -> jinja2.Environment:
    """The templates of the page. Everything that comes from data is escaped, and an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"colours": colours, "examples": examples, "flatten": flatten, "rejected": rejected}
    made.filters |= {"phrase": comparisons.phrase, "words": lambda name: str(name).replace("_", " ")}
    made.tests["missing"] = pd.isna
    made.globals |= {"pictures": pictures, "STAGES": STAGES, "shares": statistics.shares}
    made.globals["css"] = (PAGE / "page.css").read_text(encoding="utf-8")
    return made


if __name__ == "__main__":
    rule.run(render_report, snakemake)
