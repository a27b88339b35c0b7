"""Training runs: LLaMA-Factory's settings, its process, and the store that keeps what was paid for.

A run lives in `<store>/training/<digest>/`. The digest covers the mixture, the weights it starts from and the settings,
so an interrupted run resumes from its own last checkpoint, a finished one is not repeated, and a checkpoint of another
mixture can never be picked up.
"""

import contextlib
import hashlib
import logging
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from skymake import UserError, environments, processes, records
from skymake.environments import Environment

# What a failed run says, and what it means for the user. The first that matches is told.
CAUSES = {
    r"OutOfMemoryError|out of memory|DefaultCPUAllocator: can't allocate": "out of memory: lower batch_per_device or "
    "cutoff_tokens, or choose a deepspeed stage with offload",
    r"No space left on device": "the disk that holds the store is full",
    r"Template (\S+) does not exist": "this LLaMA-Factory has no such chat template: see trainings.*.template",
    r"Cannot find valid samples": "LLaMA-Factory found no valid row in the mixture",
}


class Preference(records.Record):
    """A loss on pairs of answers. loss: LLaMA-Factory's pref_loss. beta, gamma: scale and margin of SimPO's reward."""

    loss: str
    beta: float
    gamma: float

    def settings(self) -> dict[str, Any]:
        """LLaMA-Factory's settings of a training on pairs."""
        return {"stage": "dpo", "pref_loss": self.loss, "pref_beta": self.beta, "simpo_gamma": self.gamma}


class Training(records.Record, omit_defaults=True):
    """How a student is trained; the entry of `trainings` in the config.

    template: LLaMA-Factory's chat template. cutoff_tokens: the longest row, in tokens. epochs: passes over the mixture.
    batch: rows a step over all devices. batch_per_device: rows that one device holds at once. save_steps: steps between
    checkpoints. deepspeed: `none`, or the name of a stage. settings: further LLaMA-Factory settings, by its own names.
    preference: the loss on pairs of answers; None when the mixture holds rows.
    """

    template: str
    cutoff_tokens: int
    epochs: float
    batch: int
    batch_per_device: int
    deepspeed: str
    save_steps: int
    settings: dict[str, Any]
    preference: Preference | None = None


class Step(msgspec.Struct):
    """A line of LLaMA-Factory's trainer_log.jsonl, as far as it is read here."""

    current_steps: int
    total_steps: int
    loss: float | None = None


def digest(train: Path, base: str, training: Training, seed: int) -> str:
    """The identity of a run: 16 hex digits over the mixture's bytes, the digest of the base and the settings."""
    total = hashlib.sha256(msgspec.json.encode([base, training, seed], order="deterministic"))
    with open(train, "rb") as file:
        total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]


def settings(training: Training, base: Path, mixture: Path, output: Path, device: str, devices: int, seed: int) -> dict:
    """LLaMA-Factory's settings of a run on `devices` devices. UserError when the batch cannot be made of them."""
    accumulation, rest = divmod(training.batch, training.batch_per_device * devices)
    if rest or not accumulation:
        raise UserError(
            f"a batch of {training.batch} rows is not {training.batch_per_device} a device x {devices} devices x a "
            "whole number of accumulated steps: change batch_per_device or the number of devices"
        )
    chosen = {
        "model_name_or_path": str(base.resolve()),
        **(training.preference.settings() if training.preference else {"stage": "sft"}),
        "do_train": True,
        "finetuning_type": "full",
        "dataset_dir": str(mixture.resolve()),
        "dataset": "train",
        "template": training.template,
        "cutoff_len": training.cutoff_tokens,
        "overwrite_cache": True,
        "output_dir": str(output.resolve()),
        "per_device_train_batch_size": training.batch_per_device,
        "gradient_accumulation_steps": accumulation,
        "num_train_epochs": training.epochs,
        "save_steps": training.save_steps,
        "save_total_limit": 1,
        "report_to": "tensorboard",
        "seed": seed,
        **training.settings,
    }
    return chosen | ({"use_cpu": True} if device == "cpu" else {"bf16": True})


def run(environment: Environment, chosen: dict, folder: Path, rows: int) -> Path:
    """The trained model's folder: LLaMA-Factory run in `folder` until it ends, unless it has ended there before.

    A run that holds a checkpoint is resumed from it by LLaMA-Factory itself; one that was killed before its first
    starts anew, since LLaMA-Factory refuses a folder that holds anything else. rows: of the mixture; all of them must
    be trained on. UserError with the cause when the run fails.
    """
    output, finished = Path(chosen["output_dir"]), folder / "finished.json"
    if finished.exists():
        logging.info("%s was trained before: nothing to do", folder)
        return output
    if output.exists() and not list(output.glob("checkpoint-*/trainer_state.json")):
        shutil.rmtree(output)
    config, log = folder / "settings.yaml", folder / "llamafactory.log"
    config.write_text(yaml.safe_dump(chosen, sort_keys=False))
    variables = environments.variables(environment) | {
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",  # two threads on a busy machine are several times slower than one
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [str(environment.bin / "llamafactory-cli"), "train", str(config)]
    with processes.running(command, variables, log) as trainer:
        follow(trainer, output / "trainer_log.jsonl")
    if trainer.returncode:
        raise UserError(f"training failed: {cause(processes.tail(log, 100_000))}\nThe whole log is {log}")
    used = re.search(r"Num examples = ([\d,]+)", log.read_text(errors="replace"))
    if not used or int(used[1].replace(",", "")) != rows:
        raise UserError(f"the mixture has {rows} rows, but {used[1] if used else 'no'} rows were trained on: see {log}")
    records.write_json(finished, {"rows": rows})
    return output


def follow(trainer: subprocess.Popen, steps: Path, every_s: float = 10.0) -> None:
    """Tell step, loss and remaining time while the trainer runs."""
    said, began = None, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            trainer.wait(every_s)
        step = last_step(steps)
        if step and step != said:
            said, elapsed = step, time.monotonic() - began
            left = elapsed / step.current_steps * (step.total_steps - step.current_steps)
            logging.info("step %d of %d, loss %s, %.0f s left", step.current_steps, step.total_steps, step.loss, left)
        if trainer.returncode is not None:
            return


def last_step(steps: Path) -> Step | None:
    """The last complete line of a trainer log; None before the first."""
    lines = steps.read_bytes().split(b"\n")[:-1] if steps.exists() else []
    return msgspec.json.decode(lines[-1], type=Step) if lines else None


def cause(log: str) -> str:
    """What a failed run's log says, in words that help: a known cause, or the last error."""
    for pattern, meaning in CAUSES.items():
        if found := re.search(pattern, log):
            return f"{found[0]}: {meaning}"
    errors = [line for line in log.splitlines() if re.match(r"\w*(Error|Exception|Interrupt)\b", line)]
    return errors[-1] if errors else log[-2000:]
