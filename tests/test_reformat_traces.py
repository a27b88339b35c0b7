"""Correct traces restated in the four-marker format."""

import pytest

from reformat_traces import reformat_traces
from skymake import markers, records
from skymake.records import ChoiceCheck, MathCheck, Origin, Problem, ProgramCheck, Rejection, Trace

CHECKS = {
    "sum": MathCheck("42"),
    "program": ProgramCheck("f", []),
    "puzzle": ChoiceCheck("A", ["one", "two"]),
}


def trace(problem: str, text: str, reasoning: str | None = None) -> Trace:
    return Trace(f"key of {problem}", problem, 0, "m", text, reasoning, "stop", 3, 5, 0.1, 0)


@pytest.fixture
def run(tmp_path):
    """Restate traces; returns what was kept and what was rejected."""

    def reformatted(*filtered: Trace) -> tuple[list[Trace], list[Rejection]]:
        problems = [Problem(name, "s", "math", "?", check, None, Origin("", "", 0)) for name, check in CHECKS.items()]
        paths = [str(tmp_path / name) for name in ("problems", "filtered", "traces", "rejections")]
        records.write(paths[0], problems)
        records.write(paths[1], filtered)
        reformat_traces(*paths)
        return list(records.read(paths[2], Trace)), list(records.read(paths[3], Rejection))

    return reformatted


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        (trace("sum", "40 and 2\nso \\boxed{42}"), ("40 and 2", "so \\boxed{42}")),
        (trace("sum", "so \\boxed{42}", reasoning="40 and 2"), ("40 and 2", "so \\boxed{42}")),
        (trace("sum", "<think>40 and 2</think>so \\boxed{42}"), ("40 and 2", "so \\boxed{42}")),
        (trace("puzzle", "one comes first\n\\boxed{A}"), ("one comes first", "\\boxed{A}")),
        (trace("program", "plan\n```python\nx\n```"), ("plan", "```python\nx\n```")),
        (trace("program", markers.join("plan", "code")), ("plan", "code")),
    ],
)
def test_an_answer_is_restated_and_keeps_all_else(run, given, parts):
    [kept], rejected = run(given)
    assert markers.parse(kept.text) == parts and kept.reasoning is None and not rejected
    assert (kept.key, kept.problem, kept.model, kept.finish) == (given.key, given.problem, given.model, given.finish)


def test_what_cannot_be_cut_is_a_rejection_with_its_reason(run):
    kept, rejected = run(trace("sum", "42"), trace("program", "hm\nso \\boxed{42}"))
    assert not kept
    assert rejected == [Rejection(f"key of {name}", name, 0, "no_place_to_cut", "") for name in ("sum", "program")]


def test_traces_of_other_shards_are_left_to_them(run):
    assert run(trace("a problem of another shard", "40 and 2\nso \\boxed{42}")) == ([], [])
