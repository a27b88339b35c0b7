"""How a student is trained: the entry of the config, and the settings of LLaMA-Factory and DeepSpeed that follow."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from skymake import UserError, deepspeed, records

# What LLaMA-Factory is told that makes no difference to the weights.
_ASIDE = {
    "overwrite_cache",
    "data_shared_file_system",
    "save_strategy",
    "save_steps",
    "logging_steps",
    "logging_first_step",
    "logging_nan_inf_filter",
    "report_to",
    "plot_loss",
    "dataloader_num_workers",
    "preprocessing_num_workers",
}


class Preference(records.Record):
    """A loss on pairs of answers. loss: LLaMA-Factory's pref_loss. beta, gamma: scale and margin of SimPO's reward."""

    loss: str
    beta: float
    gamma: float

    def settings(self) -> dict[str, Any]:
        """LLaMA-Factory's settings of a training on pairs."""
        return {"stage": "dpo", "pref_loss": self.loss, "pref_beta": self.beta, "simpo_gamma": self.gamma}


class Training(records.Record):
    """How a student is trained; an entry of `trainings` in the config, whose schema describes every field.

    preference: the loss on pairs of answers; None when the mixture holds rows.
    """

    template: str
    cutoff_tokens: int
    over_long: str
    packing: bool
    epochs: float
    batch: int
    batch_per_device: int
    deepspeed: str
    save_steps: int
    save_minutes: float
    wall_hours: float | None
    wandb: str
    utilisation: dict[str, float]
    settings: dict[str, Any]
    preference: Preference | None = None


class Machine(records.Record):
    """What a student is trained on. device: `cpu` or `cuda`. devices: over all nodes."""

    device: str
    devices: int
    nodes: int


class Plan(records.Record):
    """What a run is told, but for places. trainer: LLaMA-Factory's settings. deepspeed: its JSON; None without it."""

    trainer: dict[str, Any]
    deepspeed: dict[str, Any] | None
    over_long: str
    devices: int

    @property
    def distributed(self) -> bool:
        """Whether ranks are started that talk to each other, even when it is one; on a GPU always, since
        LLaMA-Factory refuses to choose one of several itself."""
        return self.devices > 1 or self.deepspeed is not None or "use_cpu" not in self.trainer


def plan(training: Training, machine: Machine, hidden: int, seed: int) -> Plan:
    """What a run on a machine is told. hidden: the model's hidden size.

    UserError when the batch cannot be made of that many devices.
    """
    trainer = settings(training, machine, seed)
    spread = None
    if training.deepspeed != "none":
        spread = deepspeed.settings(training.deepspeed, trainer, machine.devices, hidden)
    return Plan(trainer, spread, training.over_long, machine.devices)


def settings(training: Training, machine: Machine, seed: int) -> dict[str, Any]:
    """LLaMA-Factory's settings of a run, but for places."""
    accumulation, rest = divmod(training.batch, training.batch_per_device * machine.devices)
    if rest or not accumulation:
        raise UserError(
            f"a batch of {training.batch} rows is not {training.batch_per_device} a device x {machine.devices} devices "
            "x a whole number of accumulated steps: change batch_per_device or the number of devices"
        )
    chosen = {
        **(training.preference.settings() if training.preference else {"stage": "sft"}),
        "do_train": True,
        "finetuning_type": "full",
        "dataset": "train",
        "template": training.template,
        "cutoff_len": training.cutoff_tokens,
        "packing": training.packing,
        "neat_packing": training.packing,
        "overwrite_cache": True,
        "data_shared_file_system": machine.nodes > 1,
        "per_device_train_batch_size": training.batch_per_device,
        "gradient_accumulation_steps": accumulation,
        "num_train_epochs": training.epochs,
        "max_grad_norm": 1.0,
        "save_strategy": "steps",
        "save_steps": training.save_steps,
        "logging_nan_inf_filter": False,  # a loss that is no number is an error, not a smaller number
        "report_to": ["tensorboard"] + ["wandb"] * (training.wandb != "none"),
        "seed": seed,
        **training.settings,
    }
    return chosen | _of_device(machine, training.deepspeed != "none")


def _of_device(machine: Machine, deepspeed: bool) -> dict[str, Any]:
    if machine.device != "cpu":
        return {"bf16": True}
    # With use_cpu, transformers starts no process group of its own, and DeepSpeed believes to be alone.
    return {"ddp_backend": "gloo"} if deepspeed or machine.devices > 1 else {"use_cpu": True}


def digest(train: Path, base: str, told: Plan) -> str:
    """The identity of a run: 16 hex digits over the mixture's bytes, the digest of the base and what the run is told.

    A run can be resumed by none but its own like, so what tells it apart are the trainer's own settings, DeepSpeed's
    and the number of devices, but not how often it saves or whom it reports to.
    """
    kept = {name: value for name, value in told.trainer.items() if name not in _ASIDE}
    identity = [base, msgspec.structs.replace(told, trainer=kept)]
    total = hashlib.sha256(msgspec.json.encode(identity, order="deterministic"))
    with open(train, "rb") as file:
        total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()[:16]
