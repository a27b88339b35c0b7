"""Rule train_student: a student trained on the mixture of its recipe by LLaMA-Factory."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from skymake import environments, records, rows, rule, training, weights
from skymake.runs import Run
from skymake.training import Machine, Training


def train_student(
    environment: str,
    train: str,
    info: str,
    base: str,
    manifest: str,
    steps: str,
    settings: dict[str, Any],
    marked: bool,
    device: str,
    devices: int,
    nodes: int,
    seed: int,
    store: str,
) -> None:
    """Train, or find the finished run in the store, and link the model to the folder of `manifest`.

    train, info: a mixture and its dataset_info.json. base: manifest of the weights to start from. steps: what was
    logged, a line a step. settings: an entry of `trainings`. marked: whether answers must be in the four-marker
    format. devices: how many of `device` train together, on how many nodes.
    """
    chosen, machine = msgspec.convert(settings, Training), Machine(device, devices, nodes)
    mixture, (start, started_from) = Path(train), weights.load(base)
    told = training.plan(chosen, machine, weights.config(start)["hidden_size"], seed)
    run = Run(Path(store) / "training" / training.digest(mixture, started_from.digest, told), chosen, machine, told)
    if run.finished:
        logging.info("%s was trained before: nothing to do", run.folder)
    else:
        rows.check(mixture, pairs=chosen.preference is not None, marked=marked)
        tools = environments.load(environment)
        measured = rows.measure(tools, mixture, start, chosen.template, run.folder)
        logging.info("answers end with %r, as template %s has it", measured.ending, chosen.template)
        limits = (chosen.cutoff_tokens, chosen.over_long, chosen.packing)
        run.train(tools, start, rows.prepare(mixture, measured.lengths, *limits, run.folder / "mixture"))
    records.write(steps, run.state().steps())
    weights.link(run.output, Path(manifest))


if __name__ == "__main__":
    rule.run(train_student, snakemake)
