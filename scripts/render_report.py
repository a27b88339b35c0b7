"""Rule render_report: one page that opens offline, made of the small files that other rules have written."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from skymake import UserError, records, rule
from skymake import comparison as comparisons
from skymake.decontamination import Summary
from skymake.environments import Environment
from skymake.funnel import Funnel
from skymake.ledgers import Ledger
from skymake.plans import Plan
from skymake.report import page
from skymake.report.pictures import QUIET
from skymake.statistics import Score


class Step(msgspec.Struct):
    """What is needed here of a line of LLaMA-Factory's trainer_log.jsonl; the last line has no loss."""

    current_steps: int
    loss: float | None = None


def render_report(
    comparison: str,
    scores: list[str],
    funnels: list[str],
    contamination: list[str],
    plan: str,
    ledger: str,
    trainer_logs: list[str],
    environments: list[str],
    html: str,
    title: str,
    settings: dict[str, Any],
) -> None:
    """Write the report of a project. A training is named by the folder that its trainer_log.jsonl lies in."""
    table = comparisons.read(comparison)
    cells = {(row.kind, row.benchmark, row.model): row for row in table.itertuples()}
    order = {cell: place for place, cell in enumerate(cells)}
    measured = [records.read_json(path, Score) for path in scores]
    measured.sort(key=lambda score: order["measured", score.benchmark, score.model])
    counted = [records.read_json(path, Funnel) for path in funnels]
    losses = {Path(path).parent.name: read_loss(path) for path in trainer_logs}
    text = page.render(
        title=title,
        benchmarks=list(dict.fromkeys(table["benchmark"])),
        models=list(dict.fromkeys(table["model"][table["kind"] == "measured"])),
        published=list(dict.fromkeys(table["model"][table["kind"] == "published"])),
        sources=dict(table[["model", "source"]].dropna().to_numpy().tolist()),
        settings=settings,
        table=table,
        cells=defaultdict(lambda: None, cells),
        palette=dict.fromkeys(table["model"], QUIET) | page.colours([*(score.model for score in measured), *losses]),
        lead=choose_lead(table, [funnel.recipe for funnel in counted]),
        scores=measured,
        asked=ask(measured),
        funnels=counted,
        contamination=[records.read_json(path, Summary) for path in contamination],
        losses=losses,
        environments={Path(path).stem: records.read_json(path, Environment) for path in environments},
        plan=records.read_json(plan, Plan),
        ledger=records.read_json(ledger, Ledger),
    )
    with records.replacing(html) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_loss(path: str) -> pd.DataFrame:
    """The loss of a training by optimizer step."""
    steps = [(line.current_steps, line.loss) for line in records.read(path, Step) if line.loss is not None]
    return pd.DataFrame(steps, columns=["step", "loss"])


def choose_lead(table: pd.DataFrame, recipes: list[str]) -> Any:
    """The row that the report is about: the model trained here that gained most, on the mean where there is one."""
    measured = table[table["kind"] == "measured"]
    if measured.empty:
        raise UserError("a report needs a score that was measured here; evaluation.models names no model")
    last = measured[measured["benchmark"] == measured["benchmark"].iloc[-1]]
    trained = last[last["model"].isin(recipes)]
    rows = (last if trained.empty else trained).sort_values("difference", ascending=False, na_position="last")
    return next(rows.itertuples())


def ask(scores: list[Score]) -> dict[str, list[str]]:
    """How models were asked and graded -> the benchmarks that it holds for."""
    graders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for score in scores:
        settings = ", ".join(" ".join(line) for line in page.flatten(score.sampling))
        graders[score.benchmark, settings] |= set(score.graders)
    ways: dict[str, list[str]] = defaultdict(list)
    for (benchmark, settings), names in graders.items():
        ways[f"{settings}; {', '.join(sorted(names))}"].append(benchmark)
    return ways


if __name__ == "__main__":
    rule.run(render_report, snakemake)
