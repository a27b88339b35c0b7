"""A small training: a random nano model, a mixture of the nano world's four-marker answers, and steps by the dozen."""

import random
from itertools import islice
from pathlib import Path

import msgspec
from conftest import ROOT
from test_laws import function

from skymake import environments, mixtures, records, rows, training, weights
from skymake.nano import corpus, world
from skymake.runs import Run
from skymake.training import Machine, Training

PROMPTS = {name: str(ROOT / f"config/prompts/{name}.jinja") for name in ("math", "program", "choice")}
SYSTEM = ROOT / "config/prompts/step_by_step.jinja"
TRAINING = Training(
    template="qwen",
    cutoff_tokens=256,
    over_long="error",
    packing=False,
    epochs=3.0,
    batch=8,
    batch_per_device=4,
    deepspeed="none",
    save_steps=4,
    save_minutes=0.5,
    wall_hours=None,
    wandb="none",
    utilisation={"everything": 0.1},
    settings={
        "learning_rate": 1e-3,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 2,
        "logging_steps": 1,
        "disable_gradient_checkpointing": True,
    },
)
ALONE = Machine(device="cpu", devices=1, nodes=1)


def environment() -> environments.Environment:
    """The training environment, from the cache or built."""
    return environments.build(ROOT / "envs/train-cpu.txt", "https://download.pytorch.org/whl/cpu")


def base(folder: Path) -> Path:
    """A random nano model below `folder`."""
    built, manifest = folder / "environment.json", folder / "base" / "manifest.json"
    records.write_json(built, environment())
    function("initialise_model")(str(built), **PROMPTS, system=str(SYSTEM), manifest=str(manifest), seed=0)
    return manifest.parent


def conversations(count: int) -> list[mixtures.Row]:
    """Rows of three kinds of task."""
    r, made = random.Random(0), []
    streams = [world.tasks(kind, "training") for kind in ("sum", "stdin", "largest")]
    for task in islice((next(r.choice(streams)) for _ in iter(int, 1)), count):
        answer = corpus.four_markers(task, corpus.worked(task, r))
        made.append(mixtures.row("You should think step-by-step.", task.question, answer))
    return made


def mixture(folder: Path, count: int = 96) -> Path:
    """The train.jsonl of a mixture in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    mixtures.write(str(folder / "train.jsonl"), str(folder / "dataset_info.json"), conversations(count))
    return folder / "train.jsonl"


def prepared(folder: Path, start: Path, train: Path, machine: Machine = ALONE, **changes) -> Run:
    """A run of a changed TRAINING in `folder`, not yet begun."""
    chosen = msgspec.structs.replace(TRAINING, **changes)
    told = training.plan(chosen, machine, weights.config(start)["hidden_size"], seed=0)
    return Run(folder / training.digest(train, "base", told), chosen, machine, told)


def carry_out(run: Run, start: Path, train: Path) -> Run:
    """The same run, trained to its end. A row is taken to be of 80 tokens."""
    lengths = [80] * rows.check(train, pairs=False, marked=True)
    chosen = (run.training.cutoff_tokens, run.training.over_long, run.training.packing)
    run.train(environment(), start, rows.prepare(train, lengths, *chosen, run.folder / "mixture"))
    return run


def losses(run: Run) -> list[float]:
    """The loss of every step of a finished run."""
    return [step.loss for step in run.state().steps()]
