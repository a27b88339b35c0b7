"""Pairs of answers to one problem, one to learn and one to unlearn, chosen by length and by correctness alone."""

from collections.abc import Iterable

from skymake import markers
from skymake.records import Record, Trace, Verdict

UNDECIDED = {"truncated", "unchecked", "not_gradable", "grader_failure"}  # neither right nor wrong: not to learn from


class Side(Record):
    """One answer of a pair: its sample, the key of its request, its length in tokens."""

    sample: int
    key: str
    tokens: int


class Provenance(Record):
    """Where a pair comes from. row: its number in train.jsonl (0 is the first). kind: a key of KINDS."""

    row: int
    set: str
    problem: str
    kind: str
    model: str
    chosen: Side
    rejected: Side


def sides(judged: Iterable[tuple[Trace, Verdict]]) -> tuple[list[Trace], list[Trace]]:
    """(correct, wrong) answers to a problem, the shortest first.

    A correct answer that is not in the four-marker format is neither: shorter it may be, but not to be learnt.
    """
    correct, wrong = [], []
    for trace, verdict in sorted(judged, key=lambda pair: (pair[0].completion_tokens, pair[0].sample)):
        if verdict.status == "correct" and markers.parse(trace.text):
            correct.append(trace)
        elif verdict.status not in UNDECIDED | {"correct"}:
            wrong.append(trace)
    return correct, wrong


def by_length(correct: list[Trace], wrong: list[Trace]) -> tuple[Trace, Trace] | None:
    """The shortest correct answer against the longest; None where all are equally long."""
    if correct and correct[0].completion_tokens < correct[-1].completion_tokens:
        return correct[0], correct[-1]
    return None


def by_correctness(correct: list[Trace], wrong: list[Trace]) -> tuple[Trace, Trace] | None:
    """The shortest wrong answer, and against it the shortest correct one that is longer.

    Without such pairs a model learns that shorter is always better.
    """
    longer = [trace for trace in correct if wrong and trace.completion_tokens > wrong[0].completion_tokens]
    return (longer[0], wrong[0]) if longer else None


KINDS = {"length": by_length, "correctness": by_correctness}


def side(trace: Trace) -> Side:
    """What the provenance says of an answer."""
    return Side(trace.sample, trace.key, trace.completion_tokens)
