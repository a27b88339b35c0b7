"""Traces restated in the four-marker format, and the contract that a model's restatement must keep."""

import re
from collections import Counter
from typing import Literal

import msgspec

from skymake import markers
from skymake.grading import extraction
from skymake.grading.equality import EQUAL, NeedsAlgebra, compare
from skymake.records import ChoiceCheck, MathCheck, Problem, Record, Rejection, RejectionReason, Trace
from skymake.store import Completion, FailedRequest

RUN = 3  # words; two texts share a run where they share wording, not only vocabulary


class Contract(Record):
    """What a rewriter may do to a trace.

    kept: least share of the trace's runs of three words that must be found again. taken: least share of the new
    thought's runs that must come from the trace. shortest, longest: bounds of the new length over the old, in words.
    """

    kept: float
    taken: float
    shortest: float
    longest: float


class Rewriter(Record):
    """An entry of `rewriters` in the config.

    model, prompt, sampling: who is asked, and how. order: whether the traces to restate are the correct ones, or all of
    them, which are graded when they are restated. split: whether a trace that says itself where its thought ends is cut
    there, without asking.
    """

    model: str
    prompt: str
    sampling: str
    order: Literal["grade_first", "rewrite_first"]
    split: bool
    contract: Contract


def whole(trace: Trace) -> str:
    """All that a model said: engines may give the thought apart from the text."""
    return f"<think>{trace.reasoning}</think>{trace.text}" if trace.reasoning else trace.text


def restated(trace: Trace, thought: str, solution: str) -> Trace:
    """The trace in the four-marker format. What it cost to sample stays as it was."""
    return msgspec.structs.replace(trace, text=markers.join(thought, solution), reasoning=None)


def rejected(trace: Trace, reason: RejectionReason, detail: str) -> Rejection:
    """The record of a trace that could not be restated."""
    return Rejection(trace.key, trace.problem, trace.sample, reason, detail)


def accept(trace: Trace, problem: Problem, answer: Completion | FailedRequest, contract: Contract) -> Trace | Rejection:
    """The restated trace, or a rejection when the rewriter's answer breaks the contract.

    Whether the tests of a program still pass is for the grader to say, who sees every restated trace.
    """
    if isinstance(answer, FailedRequest):
        return rejected(trace, "request_failed", f"{answer.kind}: {answer.detail}")
    if answer.finish == "length":
        return rejected(trace, "truncated", f"after {answer.completion_tokens} tokens")
    parts = markers.parse(answer.text)
    if parts is None or not all(parts):
        return rejected(trace, "markers", "each marker must stand there once, in order, with text between them")
    breach = changed_answer(trace, problem, parts[1]) or changed_text(whole(trace), *parts, contract)
    return rejected(trace, *breach) if breach else restated(trace, *parts)


def changed_answer(trace: Trace, problem: Problem, solution: str) -> tuple[RejectionReason, str] | None:
    """The breach when a trace's final answer is another one in the solution; None for one that states none."""
    if not isinstance(problem.check, MathCheck | ChoiceCheck):
        return None
    before, after = extraction.answer(whole(trace)), extraction.answer(solution)
    if before is None or (after is not None and same(before, after)):
        return None
    return "answer_changed", f"from {before[:80]} to {after[:80] if after else 'nothing'}"


def same(before: str, after: str) -> bool:
    """Whether two answers are written the same, or equal by notation alone: a copy needs no algebra to be told."""
    try:
        return compare(before, after) is EQUAL
    except NeedsAlgebra:
        return False


def changed_text(text: str, thought: str, solution: str, contract: Contract) -> tuple[RejectionReason, str] | None:
    """The breach when the restatement lost or invented more of a trace's text than the contract allows."""
    old, new, reasoning = words(text), words(f"{thought} {solution}"), words(thought)
    ratio, kept, taken = len(new) / max(len(old), 1), share(old, new), share(reasoning, old)
    if not contract.shortest <= ratio <= contract.longest:
        return "length", f"{ratio:.2f} of the trace's length"
    if kept < contract.kept:
        return "text_lost", f"{kept:.2f} of the trace's wording is kept"
    if taken < contract.taken:
        return "text_added", f"{taken:.2f} of the thought's wording is the trace's"
    return None


def words(text: str) -> list[str]:
    """Words and signs; the trace's own marks of thought are not its wording."""
    for mark in (*markers.ALL, "<think>", "</think>"):
        text = text.replace(mark, " ")
    return re.findall(r"\w+|[^\w\s]", text)


def share(part: list[str], whole: list[str]) -> float:
    """Which share of the runs of words of a text stand in another, each as often."""
    there, total = Counter(_runs(whole)), Counter(_runs(part))
    return (total & there).total() / max(total.total(), 1)


def _runs(text: list[str]) -> list[tuple[str, ...]]:
    return list(zip(*(text[start:] for start in range(RUN)), strict=False)) or [tuple(text)]
