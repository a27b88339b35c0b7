"""Rule train_student: a student trained on the mixture of its recipe by LLaMA-Factory."""

import logging
from pathlib import Path
from typing import Any

import msgspec

from skymake import environments, memory, records, rows, rule, training, weights
from skymake.architecture import Architecture
from skymake.environments import Environment
from skymake.memory import Hardware
from skymake.rows import Mixture
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
    hardware: dict[str, Any] | None,
    tflops: float,
    seed: int,
    store: str,
) -> None:
    """Train, or find the finished run in the store, and link the model to the folder of `manifest`.

    train, info: a mixture and its dataset_info.json. base: manifest of the weights to start from. steps: what was
    logged, a line a step. settings: an entry of `trainings`. marked: whether answers must be in the four-marker
    format. devices: how many of `device` train together, on how many nodes. hardware: one of these; None to check no
    memory. tflops: the peak of a device.
    """
    chosen, machine = msgspec.convert(settings, Training), Machine(device, devices, nodes)
    mixture, (start, started_from) = Path(train), weights.load(base)
    shape = Architecture.of(weights.config(start))
    told = training.plan(chosen, machine, shape.hidden, seed)
    run = Run(Path(store) / "training" / training.digest(mixture, started_from.digest, told), chosen, machine, told)
    if run.finished:
        logging.info("%s was trained before: nothing to do", run.folder)
    else:
        rows.check(mixture, pairs=chosen.preference is not None, marked=marked)
        memory.check_disk(shape, run.folder)
        there = msgspec.convert(hardware, Hardware | None)
        if there:
            memory.check(shape, chosen, machine, there)
        tools = environments.load(environment)
        left = measured(tools, mixture, start, chosen, run.folder)
        hours = memory.hours(shape, chosen, left.tokens, left.rows, machine, tflops)
        logging.info("about %.2f hours, by the assumed utilisation", hours)
        run.train(tools, start, left)
    records.write(steps, run.state().steps())
    weights.link(run.output, Path(manifest))


def measured(tools: Environment, train: Path, base: Path, chosen: Training, folder: Path) -> Mixture:
    """What of a mixture is trained on. folder: of the run. Says how long its rows are and how its answers end."""
    found = rows.measure(tools, train, base, chosen.template, folder)
    longest, mean = max(found.lengths), sum(found.lengths) / len(found.lengths)
    logging.info("%d rows of %.0f tokens on average, the longest of %d", len(found.lengths), mean, longest)
    logging.info("answers end with %r, as template %s has it", found.ending, chosen.template)
    limits = (chosen.cutoff_tokens, chosen.over_long, chosen.packing)
    return rows.prepare(train, found.lengths, *limits, folder / "mixture")


if __name__ == "__main__":
    rule.run(train_student, snakemake)
