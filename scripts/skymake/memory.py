"""Whether a training fits: device and host memory by the formulas of DeepSpeed's authors, activations by the shape.

An estimate for the published family of settings, full fine-tuning with AdamW in bfloat16; it leaves aside what the
allocator wastes beyond SPARE.
"""

import logging
import shutil
from pathlib import Path

import msgspec

from skymake import UserError, costs, deepspeed
from skymake.architecture import Architecture
from skymake.costs import Size
from skymake.records import Record
from skymake.training import Machine, Training

GIB = 2**30
SPARE = 4 * GIB  # ASSUME: the CUDA context, NCCL's buffers and fragments, on every device
HOST_BUFFERS = 1.5  # DeepSpeed's own factor for buffers beside what is offloaded
LIVE = 1_000_000_000  # parameters that stage 3 holds gathered at once, as deepspeed.py says
CHECKPOINT = 16  # bytes a parameter: weights twice, in 16 bits, and the optimizer's states in 32


class Hardware(Record):
    """One of the machines. gpu: the name of its devices. memory_gib: of a device. host_memory_gib: beside them."""

    gpu: str
    memory_gib: float
    host_memory_gib: float


class Need(Record):
    """Bytes that a training needs. device: on each device, by what they are for. host: on each machine."""

    device: dict[str, int]
    host: int

    @property
    def total(self) -> int:
        """Bytes on each device."""
        return sum(self.device.values())

    def fits(self, hardware: Hardware) -> bool:
        """Whether a machine has that much."""
        return self.total <= hardware.memory_gib * GIB and self.host <= hardware.host_memory_gib * GIB

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {size / GIB:.1f}" for name, size in self.device.items())
        return f"{self.total / GIB:.1f} GiB a device ({parts}) and {self.host / GIB:.0f} GiB a host"


def need(shape: Architecture, training: Training, machine: Machine) -> Need:
    """What a training needs of every device and host."""
    states, host = model_states(shape, training.deepspeed, machine)
    tokens, kept = training.cutoff_tokens * training.batch_per_device, training.settings
    width = 8 * shape.hidden + 2 * (shape.queries + 2 * shape.keys) + 4 * shape.intermediate
    layer = 2 * tokens * width  # what one layer keeps for its way back, in bfloat16
    recomputed = not kept.get("disable_gradient_checkpointing", False)
    device = {
        "model states": states,
        "activations": (2 * tokens * shape.hidden * shape.layers + 2 * layer) if recomputed else layer * shape.layers,
        # The logits in bfloat16, and in float32 with their gradient; a fused loss never holds them.
        "logits": 0 if kept.get("enable_liger_kernel", False) else 10 * tokens * shape.vocabulary,
        "attention": scores(shape, training),
        "spare": SPARE,
    }
    return Need(device, host)


def model_states(shape: Architecture, mode: str, machine: Machine) -> tuple[int, int]:
    """Bytes of parameters, gradients and optimizer states (on a device, on a host).

    18 bytes a parameter: 2 for the weight, 2 + 4 for its gradient, 4 for the weight in float32, 8 for Adam.
    Source: estimate_zero2_model_states_mem_needs and estimate_zero3_model_states_mem_needs of DeepSpeed.
    """
    parameters, devices, each = shape.parameters, machine.devices, machine.devices // machine.nodes
    if mode == "none":
        return 16 * parameters, 0  # weights, gradients and Adam in float32
    stage, optimizer, offloaded = deepspeed.MODES[mode]
    if stage == 2 and optimizer:
        return 2 * parameters, int(parameters * max(4 * devices, 16) * HOST_BUFFERS)
    if stage == 2:
        return 2 * parameters + 18 * parameters // devices, int(4 * parameters * each * HOST_BUFFERS)
    gathered = 4 * shape.embedding + 2 * min(LIVE, parameters)
    if offloaded:
        return gathered, int(18 * parameters / machine.nodes * HOST_BUFFERS)
    if optimizer:
        return gathered + 2 * parameters // devices, int(16 * parameters / machine.nodes * HOST_BUFFERS)
    return gathered + 18 * parameters // devices, int(4 * shape.embedding * each * HOST_BUFFERS)


def scores(shape: Architecture, training: Training) -> int:
    """Bytes of what attention holds for each pair of tokens: nothing where a kernel computes it in pieces."""
    pairs = training.cutoff_tokens**2 * training.batch_per_device
    kind = training.settings.get("flash_attn", "auto")
    if kind == "disabled":
        return 6 * pairs * shape.queries // 64  # in bfloat16 and float32, for heads of at least 64
    return 2 * pairs if training.packing and kind != "fa2" else 0  # the mask that keeps packed rows apart


def check(shape: Architecture, training: Training, machine: Machine, hardware: Hardware) -> None:
    """Tell what a training needs. UserError with the numbers, and with what would fit, when it cannot fit."""
    wanted = need(shape, training, machine)
    told = f"{shape.parameters / 1e9:.2f} billion parameters on {machine.devices} x {hardware.gpu} need {wanted}"
    if wanted.fits(hardware):
        logging.info("%s: it fits", told)
        return
    instead = [name for name, changed in alternatives(training) if need(shape, changed, machine).fits(hardware)]
    raise UserError(
        f"the training does not fit: {told}, of {hardware.memory_gib} and {hardware.host_memory_gib:.0f}; "
        f"it would fit with {' or '.join(instead) or 'more devices alone'}"
    )


def alternatives(training: Training) -> list[tuple[str, Training]]:
    """Changes that save memory, each named and alone."""
    own = training.settings
    changes = [({"deepspeed": mode}, f"deepspeed: {mode}") for mode in deepspeed.MODES]
    changes += [
        ({"settings": {**own, "enable_liger_kernel": True}}, "enable_liger_kernel: true"),
        ({"settings": {**own, "disable_gradient_checkpointing": False}}, "gradient checkpointing"),
        ({"settings": {**own, "flash_attn": "fa2"}}, "flash_attn: fa2"),
    ]
    return [(name, msgspec.structs.replace(training, **change)) for change, name in changes]


def check_disk(shape: Architecture, folder: Path) -> None:
    """UserError when the disk of a run's folder cannot hold two checkpoints, one of which may be there already."""
    there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    wanted, free = 2 * CHECKPOINT * shape.parameters - there, shutil.disk_usage(folder).free
    if wanted > free:
        raise UserError(
            f"{folder} needs {wanted / GIB:.1f} GiB for checkpoints, but its disk has {free / GIB:.1f} left"
        )


def hours(shape: Architecture, training: Training, tokens: int, rows: int, machine: Machine, tflops: float) -> float:
    """Hours that a training on `rows` rows of `tokens` tokens is expected to take, by its assumed utilisation."""
    size = Size(shape.parameters, shape.layers, shape.queries)
    flops = costs.training_flops(size, tokens * training.epochs, tokens / rows)
    share = costs.utilisation(training.utilisation)
    return flops / (machine.devices * tflops * 1e12 * share) / 3600
