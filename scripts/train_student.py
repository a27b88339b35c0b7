"""Rule train_student: a student trained on the mixture of its recipe by LLaMA-Factory."""

import shutil
from pathlib import Path
from typing import Any

import msgspec

from skymake import UserError, environments, records, rule, training, weights
from skymake.mixtures import Pair, Row


def train_student(
    environment: str,
    train: str,
    info: str,
    base: str,
    manifest: str,
    steps: str,
    settings: dict[str, Any],
    device: str,
    devices: int,
    seed: int,
    store: str,
) -> None:
    """Train, or find the finished run in the store, and link the model to the folder of `manifest`.

    train, info: a mixture and its dataset_info.json. base: manifest of the weights to start from. steps: the trainer's
    log, one line a logged step. settings: an entry of `trainings`. devices: how many of `device` train together.
    """
    chosen = msgspec.convert(settings, training.Training)
    rows = sum(1 for _ in records.read(train, Pair if chosen.preference else Row))
    if not rows:
        raise UserError(f"{train} is empty: no trace survived the curation, so there is nothing to train on")
    start, started_from = weights.load(base)
    run = Path(store) / "training" / training.digest(Path(train), started_from.digest, chosen, seed)
    run.mkdir(parents=True, exist_ok=True)
    written = training.settings(chosen, start, Path(info).parent, run / "model", device, devices, seed)
    trained = training.run(environments.load(environment), written, run, rows)
    shutil.copyfile(trained / "trainer_log.jsonl", steps)
    weights.link(trained, Path(manifest))


if __name__ == "__main__":
    rule.run(train_student, snakemake)
