"""What became of the problems of a recipe, set by set: how it is counted, and the record that the report draws."""

import math
from collections import Counter, defaultdict
from typing import NamedTuple

import msgspec
import numpy as np

from skymake import judged
from skymake.records import ChoiceCheck, MathCheck, Problem, Record, Trace, Verdict

STAGES = ("problems", "traces", "filtered", "reformatted", "verified", "kept")
EXAMPLES = 1  # per set, stage and status
CLIP = 900  # characters of a text in an example


class Example(Record):
    """A rejected trace, shortened to be read. `stage`: what it did not become, `filtered` or `verified`."""

    stage: str
    status: str
    problem: str
    question: str
    expected: str | None
    text: str
    answer: str | None
    detail: str


class SetFunnel(Record):
    """One set of a recipe.

    rows: published rows read. counts: how many records there are at each of STAGES; `traces` counts samples, so it may
    be larger than `problems`. lost: stage -> reason -> how many did not get there.
    difficulty: the source's own scale in whole steps -> [problems, problems kept].
    tokens: `filtered` and `rejected` -> raw traces in each bin of the recipe's `token_edges`.
    kept_tokens: completion tokens of the traces that were kept.
    examples: rejected traces; none for a set whose texts must not be shown.
    """

    set: str
    domain: str
    rows: int
    counts: dict[str, int]
    lost: dict[str, dict[str, int]]
    difficulty: dict[str, list[int]]
    tokens: dict[str, list[int]]
    kept_tokens: int
    examples: list[Example]


class Funnel(Record):
    """The sets of one recipe. token_edges: bounds of the bins, in completion tokens, one more than there are bins."""

    recipe: str
    token_edges: list[float]
    sets: list[SetFunnel]


class Asked(NamedTuple):
    """What is remembered of a problem: not its tests, which may be megabytes."""

    question: str
    expected: str | None
    difficulty: float | None


class Tally:
    """The counts of one set while its files are read."""

    def __init__(self, domain: str) -> None:
        self.domain = domain
        self.problems: dict[str, Asked] = {}
        self.rows = self.kept_tokens = 0
        self.counts: Counter[str] = Counter()
        self.lost: dict[str, Counter[str]] = defaultdict(Counter)
        self.tokens: dict[str, list[int]] = {"filtered": [], "rejected": []}
        self.kept: set[str] = set()
        self.examples: dict[tuple[str, str], list[Example]] = defaultdict(list)

    def add_problem(self, problem: Problem) -> None:
        expected = problem.check.answer if isinstance(problem.check, MathCheck | ChoiceCheck) else None
        self.problems[problem.id] = Asked(problem.question, expected, problem.difficulty)
        self.counts["problems"] += 1

    def add_raw(self, trace: Trace, verdict: Verdict, filtered: bool) -> None:
        """Count a raw trace, its length, and why it is rejected unless it is filtered."""
        self.counts["traces"] += 1
        self.tokens["filtered" if filtered else "rejected"].append(trace.completion_tokens)
        if not filtered:
            self._reject("filtered", trace, verdict)

    def add_reformatted(self, trace: Trace, verdict: Verdict, kept: bool) -> None:
        """Count a reformatted trace, whether its answer is right, and whether it ends in the mixture."""
        self.counts["reformatted"] += 1
        if verdict.status in judged.STANDS:
            self.counts["verified"] += 1
        else:
            self._reject("verified", trace, verdict)
        if kept:
            self.counts["kept"] += 1
            self.kept_tokens += trace.completion_tokens
            self.kept.add(trace.problem)

    def _reject(self, stage: str, trace: Trace, verdict: Verdict) -> None:
        """Count a rejection, and keep the shortest of its kind as examples: they are the easiest to read."""
        self.lost[stage][verdict.status] += 1
        found = self.examples[stage, verdict.status]
        if len(found) == EXAMPLES and len(trace.text) >= len(found[-1].text):
            return
        question, expected, _ = self.problems[trace.problem]
        about = (stage, verdict.status, trace.problem, question, expected)
        found.append(Example(*about, trace.text, verdict.answer, verdict.detail))
        found.sort(key=lambda example: (len(example.text), example.problem))
        del found[EXAMPLES:]

    def summary(self, name: str, edges: np.ndarray, private: bool) -> SetFunnel:
        """The record of the set; a private set's texts stay out of it."""
        shown = [] if private else [example for _, found in sorted(self.examples.items()) for example in found]
        return SetFunnel(
            set=name,
            domain=self.domain,
            rows=self.rows,
            counts={stage: self.counts[stage] for stage in STAGES},
            lost={stage: dict(reasons.most_common()) for stage, reasons in self.lost.items()},
            difficulty=self._by_difficulty(),
            tokens={part: np.histogram(values, edges)[0].tolist() for part, values in self.tokens.items()},
            kept_tokens=self.kept_tokens,
            examples=[shorten(example) for example in shown],
        )

    def _by_difficulty(self) -> dict[str, list[int]]:
        steps: dict[float, list[int]] = defaultdict(lambda: [0, 0])
        for id, asked in self.problems.items():
            step = math.inf if asked.difficulty is None else round(asked.difficulty)
            steps[step][0] += 1
            steps[step][1] += id in self.kept
        return {"unrated" if step == math.inf else str(step): steps[step] for step in sorted(steps)}


def shorten(example: Example) -> Example:
    """The example with the beginning and the end of its long texts."""
    texts = {name: getattr(example, name) for name in ("question", "text", "detail")}
    cut = {
        name: f"{text[: CLIP // 2]}\n[...]\n{text[-CLIP // 2 :]}" for name, text in texts.items() if len(text) > CLIP
    }
    return msgspec.structs.replace(example, **cut)
