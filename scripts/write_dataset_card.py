"""Rule write_dataset_card: what a training set is and how it came to be, for readers on the hub."""

from importlib.metadata import version
from typing import Any

from huggingface_hub import DatasetCardData, constants

from skymake import cards, records, rule


def write_dataset_card(
    provenance: str, mixture: str, funnel: str | list[str], card: str, recipe: str, settings: dict[str, Any]
) -> None:
    """Write the dataset card of a recipe's mixture. mixture: its own card. funnel: [] where there is none.

    settings: the config.
    """
    chosen, release = settings["recipes"][recipe], settings["release"]
    rows = sum(1 for _ in records.read(provenance, dict))
    named = release["recipes"][recipe]
    cards.write(
        card,
        "dataset.md.jinja",
        header=DatasetCardData(
            license=release["license"],
            task_categories=["text-generation"],
            tags=["reasoning", "skymake"],
            size_categories=[size(rows)],
            configs=[{"config_name": "default", "data_files": "train.jsonl"}],
        ).to_yaml(),
        name=named["dataset"].split("/")[-1],
        model=named["model"],
        page=f"{constants.ENDPOINT}/{named['model']}",
        chosen=cards.chosen(settings, recipe),
        pairs="pairs" in chosen,
        rows=rows,
        benchmarks=settings["evaluation"]["benchmarks"],
        works=cards.answers(settings, recipe),
        funnel=cards.funnel(funnel),
        mixture=cards.section(mixture),
        version=version("skymake"),
        license=release["license"],
    )


def size(rows: int) -> str:
    """The hub's class of a data set of so many rows."""
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((name for bound, name in bounds.items() if rows < bound), "1M<n<10M")


if __name__ == "__main__":
    rule.run(write_dataset_card, snakemake)
