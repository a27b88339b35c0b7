"""Grading many traces: order, workers, statuses, what goes wrong around the graders."""

import time
from pathlib import Path

import msgspec
import pytest
from hostile.scene import descendants

from check_references import check_references
from grade_traces import grade_traces
from skymake import UserError, records
from skymake.grading import Limits, grade, grade_all
from skymake.grading.differences import flips
from skymake.grading.files import grade_file
from skymake.records import (
    ChoiceCheck,
    MathCheck,
    NoCheck,
    Origin,
    Problem,
    ProgramCheck,
    Quarantined,
    Reference,
    Test,
    Trace,
    Verdict,
)

CHECKS = {
    "sum": ("math", MathCheck("62")),
    "root": ("math", MathCheck(r"\frac{\sqrt{3}}{2}")),
    "letter": ("choice", ChoiceCheck("B", ["1", "2"])),
    "double": ("code", ProgramCheck(None, [Test("3\n", "6\n"), Test("5\n", "10\n")], 2.0)),
    "open": ("open", NoCheck()),
}
ANSWERS = [
    ("sum", r"<think>\boxed{1}</think>Thus \boxed{62}", "correct"),
    ("sum", r"\boxed{63}", "wrong"),
    ("sum", "62, I think", "no_answer"),
    ("root", r"\boxed{\sqrt{3} \div 2}", "correct"),
    ("root", r"\boxed{\frac{\sqrt{2}}{2}}", "wrong"),
    ("letter", r"\boxed{b}", "correct"),
    ("double", "```python\nprint(2 * int(input()))\n```", "correct"),
    ("double", "```python\nprint(3 * int(input()))\n```", "wrong"),
    ("open", "anything", "not_gradable"),
]


def problems() -> dict[str, Problem]:
    return {
        name: Problem(name, "set", domain, "?", check, None, Origin("source", "1", 0))
        for name, (domain, check) in CHECKS.items()
    }


def trace(number: int, name: str, text: str, finish: str = "stop") -> Trace:
    return Trace(f"key{number}", name, number, "model", text, None, finish, 1, 1, 0.1, 0)


def items(copies: int = 1) -> list[tuple[Problem, Trace]]:
    known = problems()
    return [(known[name], trace(number, name, text)) for number, (name, text, _) in enumerate(ANSWERS * copies)]


def without_time(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, cpu_seconds=0.0)


@pytest.fixture(scope="module")
def alone() -> list[Verdict]:
    return list(grade_all(items(8), Limits(), workers=1))


def test_every_kind_of_check_has_its_grader(alone):
    assert [verdict.status for verdict in alone] == [status for _, _, status in ANSWERS * 8]
    assert [verdict.key for verdict in alone] == [trace.key for _, trace in items(8)]
    assert [verdict.sample for verdict in alone] == [trace.sample for _, trace in items(8)]


@pytest.mark.parametrize("workers", [2, 5])
def test_verdicts_do_not_depend_on_the_number_of_workers(alone, workers):
    verdicts = grade_all(items(8), Limits(), workers)
    assert [without_time(verdict) for verdict in verdicts] == [without_time(verdict) for verdict in alone]


def test_one_text_can_be_graded_without_a_trace():
    verdict = grade(problems()["sum"], r"\boxed{62}", Limits())
    assert (verdict.status, verdict.answer, verdict.key) == ("correct", "62", "")


@pytest.mark.parametrize(
    ("text", "finish", "status"),
    [
        (r"\boxed{62} and on and on", "length", "truncated"),
        (r"\boxed{62} and on and on", "stop", "correct"),
        (r"<|begin_of_solution|>\boxed{62}<|end_of_solution|> and on and on", "length", "correct"),
        (r"<|begin_of_solution|>\boxed{6", "length", "truncated"),
    ],
)
def test_a_trace_that_was_cut_off_is_truncated_unless_its_solution_is_closed(text, finish, status):
    (verdict,) = grade_all([(problems()["sum"], trace(0, "sum", text, finish))], Limits(), workers=1)
    assert verdict.status == status


def test_traces_are_read_as_they_are_graded():
    """Memory is bounded: a run holds a window of traces, not all of them."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield items()[0]

    graded = grade_all(endless(), Limits(), workers=2)
    for _ in range(1000):
        next(graded)
    graded.close()
    assert taken < 1500


def test_no_process_is_left(alone):
    deadline = time.monotonic() + 30  # a busy machine takes long to bury the dead
    while left := [process for process in descendants() if "skymake" in command(process)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def command(process: int) -> str:
    """The command line of a process; empty when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.fixture
def files(tmp_path):
    records.write(tmp_path / "problems.jsonl", problems().values())
    records.write(tmp_path / "traces.jsonl", [trace for _, trace in items()])
    return tmp_path


def test_files_are_graded_in_their_order(files):
    count = grade_file(files / "problems.jsonl", files / "traces.jsonl", files / "verdicts.jsonl", Limits(), workers=2)
    verdicts = list(records.read(files / "verdicts.jsonl", Verdict))
    assert count == len(verdicts) == len(ANSWERS)
    assert [(verdict.problem, verdict.status) for verdict in verdicts] == [
        (name, status) for name, _, status in ANSWERS
    ]


def test_a_trace_without_its_problem_is_named(files):
    stranger = trace(0, "stranger", r"\boxed{1}")
    records.write(files / "traces.jsonl", [*(trace for _, trace in items()), stranger])
    with pytest.raises(UserError, match=r"traces\.jsonl:10: problem 'stranger' is not in .*problems\.jsonl"):
        grade_file(files / "problems.jsonl", files / "traces.jsonl", files / "verdicts.jsonl", Limits(), workers=1)
    assert not (files / "verdicts.jsonl").exists()


RIGHT, WRONG, BROKEN = "print(2 * int(input()))", "print(3 * int(input()))", "print("


@pytest.mark.parametrize(
    ("solutions", "status"),
    [([RIGHT], None), ([WRONG, RIGHT], None), ([WRONG, BROKEN], "wrong"), ([BROKEN] * 5 + [RIGHT], "compile_error")],
    ids=["right", "one is right", "none is right", "a sixth is not tried"],
)
def test_a_problem_whose_references_all_fail_is_quarantined(files, solutions, status):
    records.write(files / "references.jsonl", [Reference("double", solutions)])
    check_references(files / "problems.jsonl", files / "references.jsonl", files / "quarantine.jsonl", {})
    found = [(each.problem, each.status) for each in records.read(files / "quarantine.jsonl", Quarantined)]
    assert found == ([("double", status)] if status else [])


def test_without_references_no_sandbox_starts(files, monkeypatch):
    monkeypatch.delattr("check_references.ProgramGrader")
    records.write(files / "references.jsonl", [])
    check_references(files / "problems.jsonl", files / "references.jsonl", files / "quarantine.jsonl", {})
    assert (files / "quarantine.jsonl").read_bytes() == b""


def test_traces_of_a_quarantined_problem_are_not_gradable(files):
    records.write(files / "quarantine.jsonl", [Quarantined("double", "wrong", "test 1 of 2")])
    names = ("problems", "traces", "quarantine", "verdicts")
    grade_traces(*(files / f"{name}.jsonl" for name in names), {}, published=False, threads=2)
    verdicts = list(records.read(files / "verdicts.jsonl", Verdict))
    assert [(verdict.key, verdict.sample) for verdict in verdicts] == [(each.key, each.sample) for _, each in items()]
    assert [verdict.status for verdict in verdicts] == [
        "not_gradable" if name == "double" else status for name, _, status in ANSWERS
    ]
    details = {verdict.detail for verdict in verdicts if verdict.problem == "double"}
    assert details == {"its own reference solution fails: wrong: test 1 of 2"}


def test_flips_are_counted_by_status(alone):
    changed = [msgspec.structs.replace(alone[0], status="wrong"), *alone[1:9]]
    found = flips(alone[:9], changed)
    assert found == {("correct", "wrong"): [(alone[0], changed[0])]}
    assert set(flips(alone[:2], alone[1:3])) == {("correct", "absent"), ("absent", "no_answer")}
    assert flips(alone, alone) == {}


def test_a_published_answer_without_a_key_is_unchecked_and_one_with_a_key_is_graded(files):
    grade_file(files / "problems.jsonl", files / "traces.jsonl", files / "v.jsonl", Limits(), 1, published=True)
    found = [verdict.status for verdict in records.read(files / "v.jsonl", Verdict)]
    assert found == ["unchecked" if name == "open" else status for name, _, status in ANSWERS]
