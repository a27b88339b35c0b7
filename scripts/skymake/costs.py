"""What sampling and training cost, from first principles: parameters and tokens -> FLOPs -> GPU-hours -> money.

FLOPs are the model's own: a multiplication and an addition for each weight and token, and attention. What the hardware
does beside them (activations computed again, waiting, moving weights) is in the utilisation, factor by factor.
"""

import math
from collections.abc import Mapping
from typing import Self

from skymake import UserError
from skymake.records import Record


class Size(Record):
    """What a model's FLOPs hang on. parameters: active for a token. width: of a layer, heads times their dimension."""

    parameters: float
    layers: int
    width: int


class Device(Record):
    """One accelerator. tflops: its dense peak in the type that is computed in. usd_per_hour: what an hour costs."""

    name: str
    tflops: float
    usd_per_hour: float


class Price(Record):
    """What a hosted model costs, in USD for a million tokens of prompts and of answers.

    batch_factor: what is left of that in a batch; None where it cannot be asked in batches.
    """

    prompt_usd: float
    completion_usd: float
    batch_factor: float | None = None

    def cost(self, prompt_tokens: float, completion_tokens: float, batched: bool) -> "Cost":
        """The cost of so many tokens. Raises UserError for batches without a price."""
        if batched and self.batch_factor is None:
            raise UserError("a model that answered in batches has a price without batch_factor in costs.models")
        usd = (prompt_tokens * self.prompt_usd + completion_tokens * self.completion_usd) / 1e6
        return Cost(0.0, usd * self.batch_factor if batched else usd)


class Cost(Record):
    """Hours of accelerators, all of them added up, and money, that for the accelerators included."""

    gpu_hours: float
    usd: float

    def __add__(self, other: Self) -> "Cost":
        return Cost(self.gpu_hours + other.gpu_hours, self.usd + other.usd)


NOTHING = Cost(0.0, 0.0)


def forward_flops(size: Size, tokens: float, length: float) -> float:
    """FLOPs to read or write `tokens` tokens of sequences of `length` tokens.

    Two for each parameter; in a layer of width d four times d for each earlier token, of which there are length / 2.
    """
    return tokens * (2 * size.parameters + 2 * size.layers * size.width * length)


def training_flops(size: Size, tokens: float, length: float) -> float:
    """FLOPs to train on tokens: the way back takes twice the way forth."""
    return 3 * forward_flops(size, tokens, length)


def utilisation(factors: Mapping[str, float]) -> float:
    """The share of the peak that is left by several losses, each given as the share that it leaves."""
    return math.prod(factors.values())


def computing(flops: float, device: Device, factors: Mapping[str, float]) -> Cost:
    """The cost of FLOPs on a device of which `factors` are used; on how many at once makes no difference to it."""
    hours = flops / (device.tflops * 1e12 * utilisation(factors)) / 3600
    return occupying(hours, device)


def occupying(gpu_hours: float, device: Device) -> Cost:
    """The cost of accelerators for so many hours, all of them added up."""
    return Cost(gpu_hours, gpu_hours * device.usd_per_hour)
