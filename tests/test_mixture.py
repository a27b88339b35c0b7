"""The training set of a recipe: verified, each question once, no question of a benchmark."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from build_mixture import build_mixture
from skymake import UserError, mixtures, records
from skymake.decontamination import Hit
from skymake.mixtures import Dropped, Provenance, Row
from skymake.records import MathCheck, NoCheck, Origin, Problem, Trace, Verdict


def problem(number: int, question: str = "", of: str = "sums") -> Problem:
    origin = Origin("nano", "0", number)
    return Problem(f"{of}-{number}", of, "math", question or f"What is {number} + 1?", MathCheck("1"), None, origin)


def trace(of: Problem, sample: int = 0) -> Trace:
    return Trace(f"{of.id}/{sample}", of.id, sample, "teacher", f"{of.id} again {sample}", None, "stop", 1, 1, 0.1, 0)


def verdict(of: Trace, status: str = "correct") -> Verdict:
    return Verdict(of.key, of.problem, of.sample, status, "1", "", 0.0, "g")


@pytest.fixture
def mix(tmp_path, monkeypatch):
    """Build a mixture; returns its rows, their provenance, and the card."""
    monkeypatch.chdir(tmp_path)
    Path("ask").write_text("Solve. {{ question }}\n")
    Path("system").write_text("Think.\n")

    def mixed(
        problems: Iterable[Problem],
        traces: Iterable[Trace],
        wrong: Iterable[Trace] = (),
        hits: Iterable[Hit] = (),
        system: str = "system",
        limits: Mapping[str, int] = MappingProxyType({}),
        status: str = "correct",
    ) -> tuple[list[Row], list[Provenance], str]:
        traces = list(traces)
        records.write("problems", problems)
        records.write("traces", traces)
        records.write("verdicts", [verdict(one, "wrong" if one in wrong else status) for one in traces])
        records.write("hits", hits)
        inputs = (["problems"], ["traces"], ["verdicts"], "hits", ["ask", "ask"], system)
        build_mixture(*inputs, "train", "info", "provenance", "dropped", "card", ["sums", "more"], limits, "student")
        return list(records.read("train", Row)), list(records.read("provenance", Provenance)), Path("card").read_text()

    return mixed


def test_a_row_is_asked_as_its_model_was_asked(mix):
    one = problem(1)
    [row], _, _ = mix([one], [trace(one)])
    assert row == mixtures.row("Think.", "Solve. What is 1 + 1?", "sums-1 again 0")
    assert mix([one], [trace(one)], system="")[0] == [mixtures.row("", "Solve. What is 1 + 1?", "sums-1 again 0")]


def test_the_layout_is_the_trainers(mix):
    one = problem(1)
    mix([one], [trace(one)])
    [row] = records.read("train", dict)
    assert [list(turn) for turn in row["conversations"]] == [["from", "value"]] * 2
    info = records.read_json("info")["train"]
    assert info["file_name"] == "train.jsonl" and info["formatting"] == "sharegpt"
    assert {turn["from"] for turn in row["conversations"]} == {info["tags"]["user_tag"], info["tags"]["assistant_tag"]}


def test_an_answer_that_is_wrong_once_reformatted_is_dropped(mix):
    problems = [problem(number) for number in range(3)]
    traces = [trace(one) for one in problems]
    _, origins, card = mix(problems, traces, wrong=[traces[1]])
    assert {origin.problem for origin in origins} == {"sums-0", "sums-2"}
    assert "| sums | not correct when reformatted | 1 |" in card and "| sums | kept | 2 |" in card


def hit(of: Problem, other: Problem, held_out: bool) -> Hit:
    return Hit(of.id, of.set, other.id, other.set, held_out, "same", 1.0, "1 + 1")


def test_a_question_of_a_benchmark_is_never_trained_on(mix):
    problems = [problem(1), problem(2)]
    hits = [hit(problems[0], problem(7, of="test"), held_out=True)]
    _, origins, card = mix(problems, map(trace, problems), hits=hits)
    assert [origin.problem for origin in origins] == ["sums-2"]
    assert "asked by a benchmark | 1" in card
    assert list(records.read("dropped", Dropped)) == [Dropped("sums-1/0", "sums-1", 0, mixtures.HELD_OUT, "test-7")]


def test_a_question_of_two_sets_is_trained_on_once(mix):
    problems = [problem(1), problem(1, of="more"), problem(2, of="more")]
    _, origins, card = mix(problems, map(trace, problems), hits=[hit(problems[1], problems[0], held_out=False)])
    assert {origin.problem for origin in origins} == {"sums-1", "more-2"}
    assert "| more | asked by another problem already | 1 |" in card
    assert list(records.read("dropped", Dropped)) == [Dropped("more-1/0", "more-1", 0, mixtures.REPEATED, "sums-1")]


def test_of_problems_that_repeat_one_another_the_first_that_is_solved_stays(mix):
    problems = [problem(number) for number in range(3)]
    hits = [hit(repeat, problems[0], held_out=False) for repeat in problems[1:]]
    traces = [trace(one) for one in problems]
    _, origins, _ = mix(problems, traces, wrong=traces[:1], hits=hits)
    assert [origin.problem for origin in origins] == ["sums-1"]


def test_a_domain_has_at_most_as_many_rows_as_its_limit_and_the_same_ones_whatever_the_limit(mix):
    problems = [problem(number) for number in range(9)]
    rows = {most: mix(problems, map(trace, problems), limits={"math": most, "code": 1})[1] for most in (2, 5)}
    assert len(rows[2]) == 2 and [one.problem for one in rows[5]][:2] == [one.problem for one in rows[2]]
    assert [one.reason for one in records.read("dropped", Dropped)] == [mixtures.LIMITED] * 4


def test_a_published_answer_without_a_key_is_kept(mix):
    one = msgspec.structs.replace(problem(1), domain="open", check=NoCheck())
    assert len(mix([one], [trace(one)], status="unchecked")[0]) == 1


def test_all_correct_samples_of_a_problem_are_kept(mix):
    one = problem(1)
    assert {origin.sample for origin in mix([one], [trace(one, 0), trace(one, 1)])[1]} == {0, 1}


def test_the_order_of_two_rows_does_not_hang_on_other_rows(mix):
    problems = [problem(number) for number in range(30)]
    everything = [origin.key for origin in mix(problems, map(trace, problems))[1]]
    some = [origin.key for origin in mix(problems[::-2], map(trace, problems[::-2]))[1]]
    assert some == [key for key in everything if key in some]
    assert everything != sorted(everything)


def test_every_row_has_its_provenance_at_its_number(mix):
    problems = [problem(number) for number in range(9)]
    rows, origins, _ = mix(problems, map(trace, problems))
    assert [origin.row for origin in origins] == list(range(len(rows)))
    for row, origin in zip(rows, origins, strict=True):
        assert row.conversations[1].value == f"{origin.problem} again {origin.sample}"
        assert re.search(r"\d+", origin.problem)[0] in row.conversations[0].value


def test_a_mixture_without_rows_is_refused_with_the_reasons(mix):
    one = problem(1)
    with pytest.raises(UserError, match=r"recipe student: no trace survived: .*not correct"):
        mix([one], [trace(one)], wrong=[trace(one)])


def test_a_verdict_of_another_trace_is_refused(mix):
    one, two = trace(problem(1)), trace(problem(2))
    other = msgspec.structs.replace(one, key="another request")
    mix([problem(1), problem(2)], [one, two])
    records.write("traces", [other, two])
    files = (["problems"], ["traces"], ["verdicts"], "hits", ["ask"], "")
    with pytest.raises(UserError, match="trace sums-1, sample 0 has no verdict at its place"):
        build_mixture(*files, "train", "info", "provenance", "dropped", "card", ["sums"], {}, "student")
