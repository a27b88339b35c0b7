"""What watches a training from within: stops it in time, refuses a loss that is no number, keeps one checkpoint."""

import math
import shutil
import signal
import time
from pathlib import Path

import torch
import torch.distributed
from transformers import TrainerCallback

from skymake.trainer import COMPLETE


class Stopped(Exception):
    """The training was stopped before its end, with a checkpoint."""


class Watch(TrainerCallback):
    """One on every rank; they decide together.

    rows: how many the mixture has; all of them must be trained on. deadline: when the job must have ended, in seconds
    since the epoch; None for never. save_s: seconds that writing a checkpoint may take.
    """

    def __init__(self, rows: int, deadline: float | None, save_s: float) -> None:
        self.rows, self.deadline, self.save_s = rows, deadline, save_s
        self.asked = self.stopping = False
        self.longest_step = 0.0
        self.stepped = time.time()

    def on_train_begin(self, args, state, control, train_dataloader=None, **_) -> None:
        """Count the rows that the trainer has taken from the mixture; have SIGTERM ask for a checkpoint."""
        taken = rows_of(train_dataloader.dataset)
        if taken != self.rows:
            raise ValueError(f"the mixture has {self.rows} rows, but {taken} were taken from it")
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "asked", True))
        self.stepped = time.time()

    def on_step_end(self, args, state, control, **_) -> None:
        """Stop with a checkpoint when a rank is asked to, or when one more step would not end in time."""
        now = time.time()
        self.longest_step, self.stepped = max(self.longest_step, now - self.stepped), now
        late = self.deadline is not None and now + self.longest_step + self.save_s > self.deadline
        if anywhere(self.asked or late, args.device) and state.global_step < state.max_steps:
            self.stopping = control.should_save = True

    def on_log(self, args, state, control, logs=None, **_) -> None:
        """End a training that is lost."""
        for name in ("loss", "grad_norm"):
            if not math.isfinite((logs or {}).get(name, 0.0)):
                raise ArithmeticError(f"the {name} is {logs[name]} at step {state.global_step}")

    def on_save(self, args, state, control, **_) -> None:
        """Mark the checkpoint as complete, and only then delete the one before it."""
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        saved = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero:
            (saved / COMPLETE).touch()
            for older in set(saved.parent.glob("checkpoint-*")) - {saved}:
                shutil.rmtree(older)
        if self.stopping:
            raise Stopped(f"stopped with a checkpoint at step {state.global_step} of {state.max_steps}")
        self.stepped = time.time()  # saving is no part of a step


def rows_of(dataset) -> int:
    """How many rows of the mixture a tokenised data set holds, packed or not. The last piece of a pack is padding."""
    if "packing_params" not in dataset.column_names:
        return len(dataset)
    return sum(len(pack["sequence_boundaries"]) - 2 for pack in dataset["packing_params"])


def anywhere(true: bool, device: torch.device) -> bool:
    """Whether it is true on any rank."""
    if not torch.distributed.is_initialized():
        return true
    told = torch.tensor(float(true), device=device)
    torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX)
    return bool(told)
