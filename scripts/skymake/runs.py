"""Training runs: the store that keeps what was paid for, and the trainer's process.

A run lives in `<store>/training/<digest>/`. The digest covers the mixture, the weights it starts from and what the
trainer is told, so an interrupted run resumes from its own last checkpoint, a finished one is not repeated, and a
checkpoint of another mixture can never be picked up.
"""

import contextlib
import logging
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import msgspec
import yaml

from skymake import UserError, environments, processes, ranks, records, trainer
from skymake.code import SCRIPTS
from skymake.environments import Environment
from skymake.rows import Mixture
from skymake.training import Machine, Plan, Training

# What a failed run says, and what it means for the user. The first that matches is told.
CAUSES = {
    r"OutOfMemoryError|out of memory|DefaultCPUAllocator: can't allocate": "out of memory: lower batch_per_device or "
    "cutoff_tokens, or choose a deepspeed mode that spreads or offloads more",
    # The last is what PyTorch says when it could not write all of a checkpoint.
    r"No space left on device|File too large|Disk quota exceeded|inline_container\S+ \. unexpected pos": "the disk "
    "that holds the store is full",
    r"the (loss|grad_norm) is (nan|inf|-inf) at step \d+": "the training diverged: lower the learning rate, or look "
    "for a broken row near that step; run again to go on from the last checkpoint",
    r"Template (\S+) does not exist": "this LLaMA-Factory has no such chat template: see trainings.*.template",
    r"Cannot find valid samples": "LLaMA-Factory found no valid row in the mixture",
    r"Some keys are not used by the HfArgumentParser: .*": "LLaMA-Factory has no such setting: "
    "see trainings.*.settings",
    r"no file named \S+|does not appear to have a file named \S+|Error while deserializing header": "the weights to "
    "start from are missing or damaged: rebuild them",
    r"ImportError: .*": "the training environment lacks a package that a setting asks for",
    r"exitcode: -9|Signal 9 \(SIGKILL\)": "a rank was killed, most likely for want of host memory",
}


class Step(msgspec.Struct):
    """A line of LLaMA-Factory's trainer_log.jsonl, as far as it is read here."""

    current_steps: int
    total_steps: int
    loss: float | None = None  # the very last line has none


class Logged(records.Record):
    """What was logged at a step of a finished run. epoch: passes over the mixture by then."""

    current_steps: int
    total_steps: int
    epoch: float
    loss: float
    lr: float


class Attempt(records.Record):
    """A job's part in a run. began: ISO 8601, UTC. first: the step it went on from. last: the last step it logged."""

    began: str
    seconds: float
    devices: int
    first: int
    last: int


class State(msgspec.Struct):
    """The trainer's own account of a run, trainer_state.json: the truth also after a resume."""

    global_step: int
    max_steps: int
    log_history: list[dict[str, Any]]

    def steps(self) -> list[Logged]:
        """The logged steps, each once."""
        return [
            Logged(entry["step"], self.max_steps, entry["epoch"], entry["loss"], entry["learning_rate"])
            for entry in self.log_history
            if "loss" in entry
        ]


class Run:
    """A run in the store. folder: its own. mixture: what it trains on."""

    def __init__(self, folder: Path, training: Training, machine: Machine, told: Plan) -> None:
        self.folder, self.training, self.machine, self.told = folder, training, machine, told
        self.output, self.log = folder / "model", folder / "llamafactory.log"
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def finished(self) -> bool:
        """Whether the model is there."""
        return (self.folder / "finished.json").exists()

    def train(self, environment: Environment, base: Path, mixture: Mixture) -> None:
        """Run LLaMA-Factory until it ends, from the last complete checkpoint if there is one.

        UserError with the cause when it fails, or when it was stopped in time and has to be run again.
        """
        if self.training.wandb == "online" and "WANDB_API_KEY" not in os.environ:
            raise UserError("wandb: online needs the key in WANDB_API_KEY; offline needs none")
        first = self._last_checkpoint()
        logging.info("%s from step %d; the trainer's log is %s", self.folder, first, self.log)
        command, began = self._command(environment, base, mixture), time.time()
        variables = environments.variables(environment) | self._variables()
        try:
            with processes.running(command, variables, self.log, 60 * self.training.save_minutes) as process:
                self._follow(process, mixture.tokens * self.training.epochs, first)
        finally:
            self._note(began, first)
        if process.returncode:
            raise UserError(f"training failed: {cause(processes.tail(self.log, 100_000))}\nThe whole log is {self.log}")
        self._finish(mixture)

    def state(self) -> State:
        """The trainer's account of the finished run."""
        return records.read_json(self.output / "trainer_state.json", State)

    def _last_checkpoint(self) -> int:
        """The step of the last complete checkpoint, 0 without; what an interruption left half written is removed."""
        found = {int(path.parent.name.split("-")[1]) for path in self.output.glob(f"checkpoint-*/{trainer.COMPLETE}")}
        if not found:  # LLaMA-Factory refuses a folder that holds anything else
            shutil.rmtree(self.output, ignore_errors=True)
            return 0
        for path in self.output.glob("checkpoint-*"):
            if path.name != f"checkpoint-{max(found)}":
                shutil.rmtree(path)
        return max(found)

    def _command(self, environment: Environment, base: Path, mixture: Mixture) -> list[str]:
        """Write what the trainer reads; the command that starts it."""
        settings, watch, spread = (self.folder / name for name in ("settings.yaml", "watch.json", "deepspeed.json"))
        places = {
            "model_name_or_path": str(base.resolve()),
            "dataset_dir": mixture.folder,
            "output_dir": str(self.output.resolve()),
        }
        if self.told.deepspeed:
            records.write_json(spread, self.told.deepspeed)
            places["deepspeed"] = str(spread.resolve())
        settings.write_text(yaml.safe_dump(places | self.told.trainer, sort_keys=False))
        hours, save_s = self.training.wall_hours, 60 * self.training.save_minutes
        deadline = time.time() + 3600 * hours if hours else None
        records.write_json(watch, {"rows": mixture.rows, "deadline": deadline, "save_s": save_s})
        program = ["-m", trainer.__name__, str(settings.resolve()), str(watch.resolve())]
        if not self.told.distributed:
            return [environment.python, *program]
        started = ranks.launcher(self.machine.devices, self.machine.nodes, save_s, os.environ)
        return [*ranks.on_nodes(self.machine.nodes, os.environ), environment.python, *started, *program]

    def _variables(self) -> dict[str, str]:
        own = {
            "PYTHONPATH": str(SCRIPTS),
            "HF_HUB_OFFLINE": "1",
            "HF_DATASETS_CACHE": str((self.folder / "cache").resolve()),
            "OMP_NUM_THREADS": "1",  # two threads on a busy machine are several times slower than one
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONWARNINGS": "ignore::FutureWarning",  # of which DeepSpeed gives thousands a step
            "WANDB_MODE": self.training.wandb.replace("none", "disabled"),
            "WANDB_DIR": str(self.folder.resolve()),
            "WANDB_PROJECT": "skymake",
        }
        if self.training.wandb == "online":
            own |= {"WANDB_API_KEY": os.environ["WANDB_API_KEY"]}
        if self.machine.device == "cpu":
            return own | {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        # Rows of many lengths would leave the device's memory in pieces.
        return own | {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}

    def _follow(self, process: subprocess.Popen, tokens: float, first: int, every_s: float = 10.0) -> None:
        """Tell step, loss, speed and remaining time while the trainer runs. tokens: of the whole run."""
        said, began = None, time.monotonic()
        while process.returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(every_s)
            step = last_step(self.output / "trainer_log.jsonl")
            if step and step != said and step.current_steps > first:
                said = step
                pace = (step.current_steps - first) / (time.monotonic() - began)  # steps a second
                left = (step.total_steps - step.current_steps) / pace
                told = (step.current_steps, step.total_steps, step.loss, tokens / step.total_steps * pace, left)
                logging.info("step %d of %d, loss %s, %.0f tokens/s, %.0f s left", *told)

    def _note(self, began: float, first: int) -> None:
        """Add an attempt to the run's attempts.jsonl."""
        step = last_step(self.output / "trainer_log.jsonl")
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began))
        last = step.current_steps if step else first
        attempt = Attempt(when, round(time.time() - began, 1), self.machine.devices, first, last)
        path = self.folder / "attempts.jsonl"
        try:
            records.write(path, [*(records.read(path, Attempt) if path.exists() else []), attempt])
        except OSError as error:  # a full disk has ended the training, too, and is told as its cause
            logging.warning("%s lacks this attempt, %s: %s", path, attempt, error)

    def _finish(self, mixture: Mixture) -> None:
        """Note that the model is there, and only then delete what a resume would have needed."""
        path = self.output / "trainer_state.json"
        state = self.state() if path.exists() else None
        if state is None or state.global_step < state.max_steps:
            raise UserError(f"{self.folder} stopped in time, with a checkpoint: run again to go on from there")
        records.write_json(self.folder / "finished.json", mixture)
        for left in [*self.output.glob("checkpoint-*"), self.folder / "cache"]:
            shutil.rmtree(left, ignore_errors=True)


def last_step(steps: Path) -> Step | None:
    """The last complete line of a trainer log that has a loss, which its very last has not; None before the first."""
    lines = steps.read_bytes().split(b"\n")[:-1] if steps.exists() else []
    for line in reversed(lines):
        with contextlib.suppress(msgspec.DecodeError):  # torn by a full disk, and then continued by the next attempt
            step = msgspec.json.decode(line, type=Step)
            if step.loss is not None:
                return step
    return None


def cause(log: str) -> str:
    """What a failed run's log says, in words that help: a known cause, or the last error."""
    for pattern, meaning in CAUSES.items():
        if found := re.search(pattern, log):
            return f"{found[0]}: {meaning}"
    errors = re.findall(r"^(?:\[rank\d+\]: )?((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b.*)", log, re.MULTILINE)
    return errors[-1] if errors else log[-2000:]
