"""What a project is going to cost, line by line: labelling, sampling, rewriting, training; before any of it is paid."""

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from skymake import UserError, costs, records
from skymake.costs import Cost, Device, Price, Size
from skymake.records import Problem, Record

Stage = Literal["labelling", "sampling", "rewriting", "training"]
PATIENCE_S = 60.0  # of what pays, for the plan of the same run: counting the problems of all sets takes seconds
log = logging.getLogger(__name__)


class Payee(Record):
    """What is known of a model before it is asked. answer_tokens: the mean length of its answers, as expected.

    A local model has a size, a hosted one a price, and one that stands for published answers neither. batched: whether
    it is asked in batches.
    """

    answer_tokens: float
    size: Size | None = None
    price: Price | None = None
    batched: bool = False


class Estimates(Record):
    """What a plan rests on; the section `costs` of the config.

    priced: the date of all prices. utilisation: what sampling leaves of the device's peak, factor by factor.
    accepted: the share of traces that end in a mixture.
    """

    priced: str
    device: Device
    utilisation: dict[str, float]
    characters_per_token: float
    accepted: float
    models: dict[str, Payee]
    budget_usd: float
    over_budget: Literal["refuse", "allow"]

    def asking(self, model: str, prompt_tokens: float, completion_tokens: float, length: float) -> Cost:
        """The cost of so many tokens of a model, in sequences of `length` tokens."""
        payee = self.models[model]
        if payee.price:
            return payee.price.cost(prompt_tokens, completion_tokens, payee.batched)
        flops = costs.forward_flops(payee.size, prompt_tokens + completion_tokens, length)
        return costs.computing(flops, self.device, self.utilisation)

    def training(self, model: str, tokens: float, length: float, factors: Mapping[str, float]) -> Cost:
        """The cost of training a model on so many tokens, in rows of `length`; `factors` are left of the peak."""
        flops = costs.training_flops(self.models[model].size, tokens, length)
        return costs.computing(flops, self.device, factors)


class Line(Record):
    """What one model is asked on one set, or one recipe trains.

    count: requests or rows in all. due: those still to pay. prompt_tokens, completion_tokens: of one, on average; a
    training's are those of a row. measured: whether the lengths are those of answers in the store. at_most: whether
    there may be fewer, since labels choose the problems that are not all there yet. whole: the cost of all of them.
    rest: of those that are due. utilisation: of a training, what it leaves of the device's peak.
    """

    stage: Stage
    model: str
    subject: str
    count: float
    due: float
    prompt_tokens: float
    completion_tokens: float
    measured: bool
    at_most: bool
    whole: Cost
    rest: Cost
    utilisation: dict[str, float] | None = None


class Plan(Record):
    """All lines, and what they rest on. problems: the files that were counted -> their SHA-256. candidates: ids of
    problems that were counted before the labels were there that choose among them.
    """

    project: str
    problems: dict[str, str]
    candidates: list[str]
    estimates: Estimates
    devices: int
    lines: list[Line]

    def total(self, part: Literal["whole", "rest"], stage: str | None = None) -> Cost:
        """The sum over a stage, or over all."""
        lines = [line for line in self.lines if stage in (None, line.stage)]
        return sum((getattr(line, part) for line in lines), costs.NOTHING)

    def counts(self, problems: str) -> bool:
        """Whether all problems of a file were counted: in this very file, or as candidates for it."""
        return self.problems.get(problems) == digest(problems) or {
            problem.id for problem in records.read(problems, Problem)
        } <= set(self.candidates)


def permit(plan: str, problems: str) -> None:
    """Return once a plan within the budget counts these problems. plan: "" where nothing costs money.

    It is waited for, since the run that asks may be about to make it. It is no input of what it permits: a new plan
    would then ask every model again. Raises UserError after `PATIENCE_S`.
    """
    deadline = time.monotonic() + PATIENCE_S
    while plan and not (Path(plan).exists() and records.read_json(plan, Plan).counts(problems)):
        if time.monotonic() > deadline:
            raise UserError(f"{problems} costs what {plan} has not counted: run `snakemake plan`, read it, run again")
        log.info("waiting for %s to count %s before anything is paid", plan, problems)
        time.sleep(5)


def digest(path: str) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def priced(share: float, cost: Cost) -> Cost:
    """A share of a cost."""
    return Cost(share * cost.gpu_hours, share * cost.usd)


def asking(
    stage: Stage,
    estimates: Estimates,
    model: str,
    subject: str,
    count: float,
    held: float,
    tokens: tuple[float, float],
    measured: bool,
    at_most: bool,
) -> Line:
    """The line of requests to a model, of which the answers to `held` are in the store. tokens: of one, on average."""
    whole = estimates.asking(model, count * tokens[0], count * tokens[1], sum(tokens))
    due = max(count - held, 0.0)
    rest = priced(due / max(count, 1), whole)
    return Line(stage, model, subject, count, due, *tokens, measured, at_most, whole, rest)


def training(
    estimates: Estimates,
    model: str,
    recipe: str,
    rows: Mapping[tuple[float, float], float],
    epochs: float,
    utilisation: dict[str, float],
    done: bool,
    at_most: bool,
) -> Line:
    """The line of a training. rows: (tokens of a prompt, tokens of an answer) -> how many such rows."""
    count = sum(rows.values())
    prompt, answer = (sum(pair[part] * n for pair, n in rows.items()) / max(count, 1) for part in (0, 1))
    whole = estimates.training(model, count * (prompt + answer) * epochs, prompt + answer, utilisation)
    due, rest = (0, costs.NOTHING) if done else (count, whole)
    return Line("training", model, recipe, count, due, prompt, answer, False, at_most, whole, rest, utilisation)


def markdown(plan: Plan) -> str:
    """The plan to be read."""
    return "\n".join([*_head(plan), *_table(plan), *_foot(plan)]) + "\n"


def _head(plan: Plan) -> Iterator[str]:
    rest, whole, budget = plan.total("rest"), plan.total("whole"), plan.estimates.budget_usd
    yield f"# What {plan.project} is going to cost"
    yield ""
    most = "At most " if any(line.at_most for line in plan.lines) else ""
    yield f"{most}**${rest.usd:,.2f}** and {rest.gpu_hours:,.1f} GPU-hours are still to pay, of ${whole.usd:,.2f} and"
    yield f"{whole.gpu_hours:,.1f} GPU-hours from nothing. The budget is ${budget:,.2f}."
    if most:
        yield "A count with ≤ is of all problems that a model's labels may yet choose; when they are there, plan again."
    yield ""


def _table(plan: Plan) -> Iterator[str]:
    columns = ("stage", "model", "set or recipe", "requests or rows", "due", "tokens in", "tokens out", "lengths")
    yield f"| {' | '.join(columns)} | GPU-hours | USD | due GPU-hours | due USD |"
    yield "|---|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|"
    for line in plan.lines:
        basis, most = "measured" if line.measured else "assumed", "≤ " if line.at_most else ""
        yield (
            f"| {line.stage} | {line.model} | {line.subject} | {most}{line.count:,.0f} | {most}{line.due:,.0f} "
            f"| {line.prompt_tokens:,.0f} | {line.completion_tokens:,.0f} | {basis} "
            f"| {_amounts(line.whole)} | {_amounts(line.rest)} |"
        )
    for stage in dict.fromkeys(line.stage for line in plan.lines):
        yield f"| **{stage}** | | | | | | | | {' | '.join(_amounts(plan.total(p, stage)) for p in ('whole', 'rest'))} |"


def _amounts(cost: Cost) -> str:
    return f"{cost.gpu_hours:,.2f} | {cost.usd:,.2f}"


def _used(factors: Mapping[str, float]) -> str:
    parts = " x ".join(f"{share:g} {name.replace('_', ' ')}" for name, share in factors.items())
    return f"{costs.utilisation(factors):.1%} ({parts})"


def _foot(plan: Plan) -> Iterator[str]:
    estimates, device = plan.estimates, plan.estimates.device
    yield ""
    yield f"Prices of {estimates.priced}: an hour of one {device.name} ${device.usd_per_hour:g}. Its peak is"
    yield f"{device.tflops:g} TFLOP/s, of which"
    yield ""
    yield f"- sampling uses {_used(estimates.utilisation)};"
    for line in plan.lines:
        if line.utilisation:
            hours = line.whole.gpu_hours / plan.devices
            yield f"- training {line.subject} uses {_used(line.utilisation)}: {hours:,.1f} hours on {plan.devices};"
    hours = plan.total("whole", "training").gpu_hours / plan.devices
    yield f"- {plan.devices} of them train for {hours:,.1f} hours in all."
    yield ""
    yield f"A token is taken for {estimates.characters_per_token:g} characters where none was counted, and"
    yield f"{estimates.accepted:.0%} of traces for accepted. A training whose traces are all in the store and whose"
    yield "checkpoint is there counts as paid."
