"""Render the report: one page that opens offline, made of the small files that other rules have written."""

from pathlib import Path
from typing import Any

import jinja2
import msgspec
import pandas as pd

from skymake import UserError, records, rule
from skymake.funnel import STAGES, Funnel
from skymake.report import pictures
from skymake.statistics import Score

PAGE = Path(pictures.__file__).parent


class Step(msgspec.Struct):
    """What the report needs of a line of LLaMA-Factory's trainer_log.jsonl; the last line has no loss."""

    current_steps: int
    loss: float | None = None


def read_loss(path: str) -> pd.DataFrame:
    """The loss of a training by optimizer step."""
    steps = [step for step in records.read(path, Step) if step.loss is not None]
    return pd.DataFrame({"current_steps": [s.current_steps for s in steps], "loss": [s.loss for s in steps]})


def colour_models(table: pd.DataFrame) -> dict[str, str]:
    """Model -> its colour in every picture."""
    return {m: pictures.SERIES[i % len(pictures.SERIES)] for i, m in enumerate(table["model"].unique())}


def headline(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The last row of the comparison (the mean, or the only benchmark), the largest difference first."""
    row = table[(table["benchmark"] == table["benchmark"].iloc[-1]) & table["difference"].notna()]
    return row.sort_values("difference", ascending=False).to_dict("records")


def environment() -> jinja2.Environment:
    """Templates beside the pictures; everything from data is escaped, and an unknown name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["words"] = lambda name: name.replace("_", " ")
    return made


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
    table = pd.read_csv(comparison)
    if table.empty:
        raise UserError(f"{comparison}: no score to report")
    page = (
        environment()
        .get_template("page.html.jinja")
        .render(
            title=title,
            css=(PAGE / "page.css").read_text(encoding="utf-8"),
            table=table,
            colours={model: pictures.VARIABLES[colour] for model, colour in colour_models(table).items()},
            headline=headline(table),
            scores=(read := [records.read_json(path, Score) for path in scores]),
            funnels=[records.read_json(path, Funnel) for path in funnels],
            comparison=pictures.comparison(table, colour_models(table)),
            effort=pictures.effort([score for score in read if score.completion_tokens], colour_models(table)),
            losses={Path(path).parent.name: read_loss(path) for path in trainer_logs},
            pictures=pictures,
            stages=STAGES,
            settings=settings,
        )
    )
    with records.replacing(html) as temporary:
        temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    rule.run(render_report, snakemake)
