"""`skymake watch`: how far a run is, from what lies on the disk: wherever its jobs run, their logs and answers do."""

import argparse
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
from tqdm import tqdm

from skymake import UserError, costs, records, spending
from skymake.builds import Build
from skymake.costs import NOTHING, Cost
from skymake.journal import NAME, Event
from skymake.plans import Estimates
from skymake.processes import tail
from skymake.store import Completion, Store, scan

ASKING = re.compile(r"(\w+), (\w+): \d+ requests, (\d+) of them to ask")
TRAINING = re.compile(r"step (\d+) of (\d+), .*?([\d.]+) tokens/s, ([\d.]+) s left")


class Asked(NamedTuple):
    """The requests of a model and a set since the run began: how many there are to ask, and what came of them."""

    due: int
    answered: int
    prompt_tokens: int
    completion_tokens: int


class State:
    """A run as its journal tells it."""

    def __init__(self, build: Build) -> None:
        self.build, path = build, build.results / NAME
        if not path.exists():
            raise UserError(
                f"{build.results} has no {NAME}: every run of `snakemake` that has something to do writes one"
            )
        events = list(records.read(path, Event))
        self.began = events[0].time
        self.planned: dict[str, int] = next(event.rules for event in events if event.kind == "plan")
        self.started = {event.id: event for event in events if event.kind == "start"}
        self.over = end(events) or self.unnoticed_end(events)
        self.finished = {event.id: event.time for event in events if event.kind == "finish"} or self.quietly_finished()
        self.failed = [event for event in events if event.kind == "fail" and event.id in self.started]
        gone = self.finished.keys() | {event.id for event in self.failed}
        self.running = [job for id, job in self.started.items() if id not in gone and not self.over]

    def unnoticed_end(self, events: list[Event]) -> Event | None:
        """The end of a run whose driver is gone and has said nothing of it, at the last sign of the run; else None."""
        driver = next((event.driver for event in events if event.driver), None)
        if not driver or not driver.gone:
            return None
        if said := end(records.read(self.build.results / NAME, Event)):  # since the journal was read
            return said
        logs = (self.build.path(log) for job in self.started.values() for log in job.logs)
        signs = [path.stat().st_mtime for path in logs if path.exists()]
        return Event(max([events[-1].time, *signs]), "end", rule="ended without notice")

    def quietly_finished(self) -> dict[int, float]:
        """The jobs of a quiet run whose outputs are there: Snakemake takes old ones away before it starts a job."""
        found = {}
        for id, job in self.started.items():
            made = [path.stat().st_mtime for path in map(self.build.path, job.outputs) if path.exists()]
            if len(made) == len(job.outputs) and all(time >= job.time - 1 for time in made):
                found[id] = max(made, default=job.time)
        return found

    @property
    def now(self) -> float:
        """The end of a run that is over; else the time."""
        return self.over.time if self.over else time.time()

    def done(self) -> Counter[str]:
        """Planned rule -> finished jobs; a target that only collects is none."""
        rules = (self.started[id].rule for id in self.finished if id in self.started)
        return Counter(rule for rule in rules if rule in self.planned)

    def logs(self, rule: str) -> Iterator[tuple[Event, str]]:
        """The jobs of a rule that were started, each with the end of its log."""
        for job in (job for job in self.started.values() if job.rule == rule):
            path = self.build.path(job.logs[0])
            # A log of an earlier run lies there until the job begins, which on a cluster may be long after its start.
            if path.exists() and path.stat().st_mtime >= job.time - 1:
                yield job, tail(path, 4000)

    def asked(self) -> dict[tuple[str, str], Asked]:
        """(model, set) -> its requests: what is due from the logs, what was answered from the store."""
        due: Counter[tuple[str, str]] = Counter()
        for rule in ("sample_traces", "rewrite_traces"):
            for _, log in self.logs(rule):
                if found := ASKING.search(log):
                    due[found[1], found[2]] += int(found[3])
        return {pair: Asked(count, *self.answers(*pair)) for pair, count in due.items() if count}

    def answers(self, model: str, name: str) -> tuple[int, int, int]:
        """Answers since the run began, their tokens in prompts, and their own."""
        counts = [0, 0, 0]
        for segment in Store(self.build.path(self.build.project.config["store"])).segments(model, name):
            if segment.stat().st_mtime >= self.began:
                for _, entry in scan(segment):
                    if isinstance(entry, Completion):
                        counts = [
                            a + b
                            for a, b in zip(counts, (1, entry.prompt_tokens, entry.completion_tokens), strict=True)
                        ]
        return tuple(counts)

    def left(self, rule: str, done: int) -> float | None:
        """Seconds that a rule's other jobs take at the pace of those that are done; None before the first is."""
        of_rule = [job.time for job in self.started.values() if job.rule == rule]
        pace = (self.now - min(of_rule)) / done if of_rule and done else None
        return pace * (self.planned[rule] - done) if pace is not None else None

    def spent(self, asked: dict[tuple[str, str], Asked]) -> Cost:
        """What this run has cost so far: answers at their price, training by the hour."""
        estimates = msgspec.convert(spending.estimates(self.build.project), Estimates)
        total = NOTHING
        for (model, _), part in asked.items():
            if part.answered and model in estimates.models:
                tokens = (part.prompt_tokens, part.completion_tokens)
                total += estimates.asking(model, *tokens, sum(tokens) / part.answered)
        devices = self.build.project.config["devices"]
        trained = [job for job, log in self.logs("train_student") if TRAINING.search(log)]
        hours = sum(self.finished.get(job.id, self.now) - job.time for job in trained) / 3600
        return total + costs.occupying(devices * hours, estimates.device)


def end(events: Iterable[Event]) -> Event | None:
    """The end of a run, if it is among its events."""
    return next((event for event in events if event.kind == "end"), None)


def lines(state: State) -> Iterator[str]:
    """The run in words: the whole of it, its stages, what the running jobs say."""
    asked, done = state.asked(), state.done()
    total, ready = sum(state.planned.values()), sum(done.values())
    lefts = {rule: state.left(rule, done[rule]) for rule, count in state.planned.items() if done[rule] < count}
    if steps := trainings(state):
        lefts["train_student"] = max(float(left) for *_, left in steps.values())
    yield headline(state, ready, total, lefts, state.spent(asked))
    yield ""
    width = max(map(len, state.planned))
    for rule, count in state.planned.items():
        running = sum(job.rule == rule for job in state.running)
        told = f", {running} running" if running else ""
        left = f", {span(lefts[rule])} left" if lefts.get(rule) is not None and running else ""
        yield f"  {rule:<{width}} {bar(done[rule], count)} {done[rule]:>4}/{count}{told}{left}"
    yield from ("  " + line for line in ("", *asking(state, asked), *training(state), *failures(state)))


def headline(state: State, ready: int, total: int, lefts: dict[str, float | None], spent: Cost) -> str:
    """The run in one line."""
    name, age = state.build.project.config["project"], span(state.now - state.began)
    money = f"about ${spent.usd:,.2f} and {spent.gpu_hours:,.1f} GPU-hours"
    if state.over:
        return f"{name}: {state.over.rule}, {ready} of {total} jobs in {age}, {money}"
    known = [left for left in lefts.values() if left is not None]
    least = "at least " if None in lefts.values() else ""
    left = f", {least}{span(sum(known))} left" if known else ""
    return f"{name}: {ready} of {total} jobs ({ready / max(total, 1):.0%}) in {age}{left}, {money} so far"


def asking(state: State, asked: dict[tuple[str, str], Asked]) -> Iterator[str]:
    """The requests of each model and set that is being asked."""
    started = {(job.wildcards.get("model"), job.wildcards.get("set")): job.time for job in state.started.values()}
    for (model, name), part in asked.items():
        seconds = max(state.now - started.get((model, name), state.began), 1e-3)
        left = (part.due - part.answered) * seconds / part.answered if part.answered else None
        told = f", {span(left)} left" if left and not state.over else ""
        pace = f", {part.completion_tokens / seconds:,.0f} tokens/s" if left else ""
        yield f"{model} on {name} {bar(part.answered, part.due)} {part.answered:,}/{part.due:,} requests{pace}{told}"


def trainings(state: State) -> dict[str, tuple[str, str, str, str]]:
    """Recipe -> step, steps, tokens a second and seconds left, as the log of each training under way has them."""
    found = {
        job.wildcards["recipe"]: TRAINING.findall(log)
        for job, log in state.logs("train_student")
        if job in state.running
    }
    return {recipe: told[-1] for recipe, told in found.items() if told}


def training(state: State) -> Iterator[str]:
    """The steps of each training that is under way."""
    for recipe, (step, steps, pace, left) in trainings(state).items():
        told = f"{int(step):,}/{int(steps):,} steps, {float(pace):,.0f} tokens/s, {span(float(left))} left"
        yield f"training {recipe} {bar(int(step), int(steps))} {told}"


def failures(state: State) -> Iterator[str]:
    """The jobs that failed, and where to read why."""
    for event in state.failed:
        yield f"failed: {event.rule}, see {state.build.path(state.started[event.id].logs[0])}"


def bar(done: int, total: int) -> str:
    """A bar of twenty places."""
    return tqdm.format_meter(min(done, total), max(total, 1), 0, ncols=20, bar_format="|{bar}|")


def span(seconds: float) -> str:
    """A time in hours, minutes and seconds."""
    return tqdm.format_interval(seconds)


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake watch`."""
    parser.add_argument("results", metavar="RESULTS", help="results folder of a build, such as results/nano")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two looks (default: 2)")
    parser.add_argument("--once", action="store_true", help="look once, and not until the run is over")
    parser.epilog = "Reads files alone: run it anywhere that sees the results, on a login node too. Ctrl-C ends it."


def run(arguments: argparse.Namespace) -> int:
    """`skymake watch`: show the run until it is over. The exit status is 1 when it failed, or was killed."""
    build = Build(arguments.results)
    while True:
        state = State(build)
        text = "\n".join(lines(state)).rstrip()
        print(f"\x1b[H\x1b[2J{text}" if sys.stdout.isatty() and not arguments.once else f"{text}\n", flush=True)
        if state.over or arguments.once:
            return int(bool(state.over and state.over.rule != "done"))
        time.sleep(arguments.every)
