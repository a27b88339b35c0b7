"""`skymake why`: a training row followed back to the published row it comes from, each step held against the last."""

import argparse
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from skymake import UserError, judged, mixtures, preferences, prompts, records, sources, store
from skymake.builds import Build
from skymake.config import teachers
from skymake.records import Origin, Problem, Trace, Verdict
from skymake.sources.row import Broken, Drop
from skymake.weights import Manifest

CLIP = 700  # characters of a text that are shown


@dataclass
class Step:
    """One step back. place: `file:line`. facts: in words. text: what stands there. trouble: what does not fit."""

    name: str
    place: str
    facts: str
    text: str = ""
    trouble: str = ""


class Trail:
    """The way back from one row of a recipe's mixture. number: of the row, 0 is the first."""

    def __init__(self, build: Build, recipe: str, number: int) -> None:
        self.build, self.recipe, self.number = build, recipe, number
        self.origin = build.provenance(recipe)[number]
        self.teacher = teachers(build.project.recipes[recipe])[self.set]
        self.place, self.problem = build.find(
            "problems/{set}/{shard}.jsonl", Problem, lambda problem: problem.id == self.origin.problem, set=[self.set]
        )

    @property
    def set(self) -> str:
        return self.origin.set

    def steps(self) -> Iterator[Step]:
        """All steps, the row first and its source last."""
        if isinstance(self.origin, preferences.Provenance):
            sides = {"chosen": self.origin.chosen, "rejected": self.origin.rejected}
            texts = {role: self.answer(side.key, "raw") for role, side in sides.items()}
            yield self.row(lambda row: {role: getattr(row, role).value for role in sides}, texts)
            for role, side in sides.items():
                yield from self.judged(f"{role} ", side.key, "raw", final=role == "chosen")
                yield self.request(f"{role} ", side.sample, side.key)
        else:
            key, form = self.origin.key, self.build.project.form(self.recipe)
            yield self.row(lambda row: {"answer": row.conversations[1].value}, {"answer": self.answer(key, form)})
            yield from self.judged("reformatted ", key, form)
            yield from self.rewrite()
            yield from self.judged("raw ", key, "raw", final=self.graded_first())
            yield self.request("", self.origin.sample, key)
        yield Step("problem", self.place, self.facts(), self.problem.question)
        yield self.source()

    def facts(self) -> str:
        """The problem in a line."""
        rated = "unrated" if self.problem.difficulty is None else f"difficulty {self.problem.difficulty:g}"
        return f"{self.problem.id} of set {self.set}, {self.problem.domain}, {rated}"

    def row(self, said: Callable[[Any], dict[str, str]], texts: dict[str, str]) -> Step:
        """The training row, with the rule that keeps it. said: the answers in a row; texts: what they must be."""
        paired = self.recipe in self.build.project.paired
        pattern, type = f"mixtures/{self.recipe}/train.jsonl", mixtures.Pair if paired else mixtures.Row
        place, row = next(islice(self.build.read(pattern, type), self.number, None))
        rule = (
            f"build_preferences: kind {self.origin.kind}; no benchmark and no earlier problem asks it"
            if paired
            else "build_mixture: correct when reformatted; no benchmark and no earlier problem asks it"
        )
        question = self.messages()[-1]["content"]
        fits = row.conversations[0].value == question and said(row) == texts
        trouble = "" if fits else "the row is not what the prompt and the trace make today"
        return Step("row", place, f"recipe {self.recipe}, by {rule}", row.conversations[0].value, trouble)

    def messages(self) -> list[dict[str, str]]:
        """What the teacher was asked, from the prompt files as they are."""
        project = self.build.project
        system = project.system(self.teacher)
        return prompts.messages(
            self.build.path(project.prompt(self.set)), self.build.path(system) if system else None, self.problem
        )

    def trace(self, key: str, form: str) -> tuple[str, Trace]:
        """An answer in a form, and its place."""
        return self.build.find(
            f"traces/{form}/{{model}}/{{set}}/{{shard}}.jsonl",
            Trace,
            lambda trace: (trace.key, trace.problem) == (key, self.problem.id),
            model=[self.teacher],
            set=[self.set],
        )

    def answer(self, key: str, form: str) -> str:
        return self.trace(key, form)[1].text

    def judged(self, role: str, key: str, form: str, final: bool = True) -> Iterator[Step]:
        """The verdict on an answer in a form, and the answer. final: whether a row needs this verdict to be right."""
        place, verdict = self.build.find(
            f"verdicts/{form}/{{model}}/{{set}}/{{shard}}.jsonl",
            Verdict,
            lambda verdict: (verdict.key, verdict.problem) == (key, self.problem.id),
            model=[self.teacher],
            set=[self.set],
        )
        told = f"{verdict.status}, by grader {verdict.grader}" + (f": {verdict.detail}" if verdict.detail else "")
        told += f"; answered {verdict.answer}" if verdict.answer and "\n" not in verdict.answer else ""
        wrong = final and verdict.status not in judged.STANDS
        yield Step(f"{role}verdict", place, told, trouble="a row must not come of this verdict" if wrong else "")
        place, trace = self.trace(key, form)
        told = f"{trace.completion_tokens} tokens, finish {trace.finish}, sample {trace.sample} of {trace.model}"
        yield Step(f"{role}trace", place, told, trace.text)

    def rewriter(self) -> str | None:
        return self.build.project.recipes[self.recipe].get("rewriter")

    def graded_first(self) -> bool:
        """Whether raw traces must be correct: a rewriter may be given all of them, and its answers graded alone."""
        rewriter = self.rewriter()
        return not rewriter or self.build.project.config["rewriters"][rewriter]["order"] == "grade_first"

    def rewrite(self) -> Iterator[Step]:
        """What the rewriter of the recipe answered, where it was asked."""
        if rewriter := self.rewriter():
            pattern, whose = (
                f"rewrites/{rewriter}/{{model}}/{{set}}/{{shard}}.jsonl",
                (self.problem.id, self.origin.sample),
            )
            for place, trace in self.build.read(pattern, Trace, model=[self.teacher], set=[self.set]):
                if (trace.problem, trace.sample) == whose:
                    told = f"{trace.completion_tokens} tokens of {trace.model}, request {trace.key[:16]}..."
                    yield Step("rewriter's answer", place, told, trace.text)

    def request(self, role: str, sample: int, key: str) -> Step:
        """The request, made again from prompts, settings and weights, and the completion that the store has for it."""
        if self.build.project.publishes(self.teacher):
            return Step(f"{role}request", "", f"none: {self.teacher} stands for the answers that the source publishes")
        again = store.requests(self.identity(), self.messages(), self.build.project.sampling(self.set))[sample]
        told = f"{key[:16]}..., asked of {_short(self.identity())}: {_line(again.parameters)}, seed {again.seed}"
        asked = "\n".join(f"{message['role']}: {message['content']}" for message in again.messages)
        place, trouble = self.completion(key)
        if again.key != key:
            trouble = f"prompts, settings and weights make another request today: {again.key[:16]}..."
        return Step(f"{role}request", place, told, asked, trouble)

    def identity(self) -> str:
        """What tells the teacher from other models, as its requests say it."""
        manifest = self.build.project.weights(self.teacher)
        if not manifest:
            return self.build.project.identity(self.teacher)
        return f"sha256:{records.read_json(self.build.path(manifest), Manifest).digest}"

    def completion(self, key: str) -> tuple[str, str]:
        """(place, trouble) of a completion in the store: its segment, and the byte where its line begins."""
        kept = store.Store(self.build.path(self.build.project.config["store"]))
        for segment in kept.segments(self.teacher, self.set):
            for offset, entry in store.scan(segment):
                if isinstance(entry, store.Completion) and entry.key == key:
                    return f"{segment}: byte {offset}", ""
        return str(kept.root), "the store has no such completion (any more)"

    def source(self) -> Step:
        """The published row, made a problem again."""
        origin, spec = self.problem.origin, self.build.project.spec(self.set)
        path = self.build.path(self.build.project.source(self.set))
        with open(path, "rb") as lines:
            line = next(islice(lines, origin.row, None), b"").strip()
        told = f"row {origin.row} of {origin.source} at revision {origin.revision}"
        trouble = "" if self.problem.id == self.identified(line, spec) else "this row does not make that problem"
        return Step("source", f"{path}:{origin.row + 1}", told, line.decode(errors="replace"), trouble)

    def identified(self, line: bytes, spec: dict) -> str | None:
        """The id of the problem that a published row makes; None when it makes none."""
        adapter = sources.adapter(spec["adapter"])
        try:
            adapted = adapter.adapt(msgspec.json.decode(line, type=adapter.row))
        except (msgspec.DecodeError, Broken, Drop):
            return None
        return adapted.identified(self.set, Origin("", "", 0), spec["time_limit_s"]).id


def _short(identity: str) -> str:
    """An identity that can be read: of weights, the beginning of their digest."""
    return f"weights {identity[:23]}..." if identity.startswith("sha256:") else identity


def _line(settings: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def locate(row: str) -> tuple[Build, str, int]:
    """(build, recipe, row) of `.../mixtures/{recipe}/train.jsonl:17`; a problem's id or a key may stand for the 17."""
    path, _, name = row.rpartition(":")
    folder = Path(path).parent if path.endswith(".jsonl") else Path(path)
    if not name or folder.parent.name != "mixtures" or not folder.is_dir():
        raise UserError(f"{row}: name a row like results/nano/mixtures/student/train.jsonl:17")
    build = Build(folder.parent.parent)
    origins = build.provenance(folder.name)
    if not origins:
        raise UserError(f"{folder} has no provenance: its rows come from no model's traces")
    if name.isdigit():
        if not 1 <= int(name) <= len(origins):
            raise UserError(f"{row}: the mixture has the lines 1 to {len(origins)}")
        return build, folder.name, int(name) - 1
    found = [number for number, origin in enumerate(origins) if name in _names(origin)]
    if len(found) != 1:
        lines = ", ".join(str(number + 1) for number in found[:20])
        raise UserError(
            f"{row}: {f'name one of the lines {lines}' if found else 'no row is of that problem or request'}"
        )
    return build, folder.name, found[0]


def _names(origin) -> set[str]:
    """What a row may be called by: its problem and its requests."""
    if isinstance(origin, preferences.Provenance):
        return {origin.problem, origin.chosen.key, origin.rejected.key}
    return {origin.problem, origin.key}


def show(step: Step, full: bool) -> str:
    """A step as text: a head line, its facts, and its text, cut to CLIP characters unless `full`."""
    text = step.text if full or len(step.text) <= CLIP else f"{step.text[:CLIP]} [... {len(step.text)} in all]"
    lines = [
        f"{step.name:<20} {step.place}",
        *textwrap.wrap(step.facts, 96, initial_indent="  ", subsequent_indent="  "),
    ]
    lines += [f"  | {line}" for line in text.splitlines() if line.strip()]
    return "\n".join([*lines, *([f"  ! {step.trouble}"] if step.trouble else [])])


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake why`."""
    parser.add_argument(
        "row",
        metavar="ROW",
        help="a line of a mixture, like results/nano/mixtures/student/train.jsonl:17; instead of the line, the id of "
        "its problem or the key of its request",
    )
    parser.add_argument("--full", action="store_true", help="show texts whole, however long")
    parser.epilog = "The exit status is 1 when a step does not fit the next; such a step has a line with !."


def run(arguments: argparse.Namespace) -> int:
    """`skymake why`: print the steps back."""
    found = list(Trail(*locate(arguments.row)).steps())
    print("\n\n".join(show(step, arguments.full) for step in found))
    return int(any(step.trouble for step in found))
