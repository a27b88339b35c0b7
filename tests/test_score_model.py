"""A score counts every sample once, and refuses to be a mean of whatever happens to be there."""

import pytest

import score_model as script
from score_model import score_model
from skymake import UserError, records, statistics
from skymake.decontamination import Summary
from skymake.records import Failure, MathCheck, Origin, Problem, Trace, Verdict
from skymake.statistics import Score


def problem(id: str, domain: str = "math", difficulty: float | None = None) -> Problem:
    return Problem(id, "sums", domain, f"What is {id}?", MathCheck("1"), difficulty, Origin("made", "1", 0))


def verdict(problem: str, sample: int = 0, status: str = "correct") -> Verdict:
    return Verdict(f"{problem}/{sample}", problem, sample, status, None, "", 0.0, "math 1")


def failure(problem: str, sample: int = 0, kind: str = "timeout") -> Failure:
    return Failure(f"{problem}/{sample}", problem, sample, "student", kind, "")


def trace(problem: str, sample: int, tokens: int) -> Trace:
    return Trace(f"{problem}/{sample}", problem, sample, "student", "1", None, "stop", 10, tokens, 0.1, 0)


@pytest.fixture
def score(tmp_path):
    """Score these records through files, and read the result back."""

    def run(problems, verdicts, failures=(), traces=(), samples=1, compared=()) -> Score:
        """compared: with what each training set of the model was compared."""
        files = {"problems": problems, "traces": traces, "verdicts": verdicts, "failures": failures}
        for name, entries in files.items():
            half = len(entries) // 2  # two shards, as a workflow has them
            records.write(tmp_path / f"{name}.0.jsonl", entries[:half])
            records.write(tmp_path / f"{name}.1.jsonl", entries[half:])
        paths = {name: [tmp_path / f"{name}.{shard}.jsonl" for shard in (0, 1)] for name in files}
        contamination = [str(tmp_path / f"summary.{number}.json") for number in range(len(compared))]
        for path, benchmarks in zip(contamination, compared, strict=True):
            records.write_json(path, Summary("student", {}, dict.fromkeys(benchmarks, 1), []))
        out, about = tmp_path / "s.json", {"model": "student", "benchmark": "sums", "sampling": {"samples": samples}}
        score_model(**paths, contamination=contamination, score=out, **about)
        return records.read_json(tmp_path / "s.json", Score)

    return run


def test_every_sample_is_counted_once_and_only_correct_counts(score):
    statuses = ["correct", "wrong", "no_answer", "truncated", "time_limit", "grader_failure", "not_gradable"]
    verdicts = [verdict(f"p{number}", status=status) for number, status in enumerate(statuses)]
    result = score([problem(f"p{number}") for number in range(8)], verdicts, [failure("p7")])
    assert (result.problems, result.samples) == (8, 1)
    assert result.accuracy == statistics.wilson(1 / 8, 8)
    assert {status: count for status, count in result.statuses.items() if count} == dict.fromkeys(statuses, 1)
    assert set(result.statuses) == set(records.STATUSES)
    assert result.failures == {"timeout": 1}
    assert sum(statistics.shares(result).values()) + result.accuracy.value == pytest.approx(1)


@pytest.mark.parametrize(
    ("compared", "clean"),
    [((), None), ([["sums"]], True), ([["scripts"]], False), ([["sums"], ["scripts"]], False)],
)
def test_a_score_knows_whether_every_training_set_was_compared_with_its_benchmark(score, compared, clean):
    assert score([problem("p")], [verdict("p")], compared=compared).decontaminated is clean


def test_outcomes_are_in_the_order_of_samples(score):
    verdicts = [verdict("b", 1), verdict("b", 0, "wrong"), verdict("a", 0), verdict("a", 1)]
    result = score([problem("a"), problem("b")], verdicts, samples=2)
    assert result.outcomes == {"a": [1, 1], "b": [0, 1]}
    assert result.accuracy.value == 0.75 and result.accuracy.method == "bootstrap"
    assert result.pass_at == {"1": 0.75, "2": 1.0}


def test_pass_at_stops_at_the_samples_present(score):
    verdicts = [verdict("a", sample, "correct" if sample < 2 else "wrong") for sample in range(6)]
    assert score([problem("a")], verdicts, samples=6).pass_at == pytest.approx(
        {"1": 1 / 3, "2": 0.6, "4": 14 / 15, "6": 1.0}
    )


def test_lengths_of_the_answers(score):
    traces = [trace("a", 0, 10), trace("a", 1, 30)]
    result = score([problem("a")], [verdict("a", 0), verdict("a", 1)], traces=traces, samples=2)
    assert result.completion_tokens["mean"] == result.completion_tokens["p50"] == 20


def test_a_model_that_never_answered_has_a_score_of_zero(score):
    result = score([problem("a"), problem("b")], [], [failure("a"), failure("b", kind="server_error")])
    assert result.accuracy.value == 0 and result.completion_tokens == {}
    assert result.failures == {"timeout": 1, "server_error": 1}


def test_groups_by_domain_and_difficulty():
    problems = [problem("a", "math", 1.0), problem("b", "math", 5.2), problem("c", "code"), problem("d", "math", 10.0)]
    groups = script.group(problems, {"a": [1], "b": [0], "c": [1], "d": [0]})
    found = [(group.property, group.value, group.problems, group.accuracy.value) for group in groups]
    assert found == [
        ("domain", "code", 1, 1.0),
        ("domain", "math", 3, pytest.approx(1 / 3)),
        ("difficulty", "1", 1, 1.0),
        ("difficulty", "5", 1, 0.0),
        ("difficulty", "10", 1, 0.0),
        ("difficulty", "unrated", 1, 1.0),
    ]


def test_a_property_that_all_problems_share_is_no_group():
    algebra, none = problem("a"), problem("b")
    algebra.subject = "Algebra"
    assert [group.value for group in script.group([algebra, none], {"a": [1], "b": [0]})] == ["Algebra", "none"]
    assert script.group([problem("a", difficulty=1.0), problem("b", difficulty=1.0)], {"a": [1], "b": [0]}) == []


@pytest.mark.parametrize(
    ("verdicts", "failures", "message"),
    [
        ([("a", 0)], [], "b: sample 0 has neither a verdict nor a failed request"),
        ([("a", 0), ("a", 1), ("b", 0)], [], "a: sample 1 is more than the 1 asked for"),
        ([], [], "a: sample 0 has neither"),
        ([("a", 0), ("b", 0), ("a", 0)], [], "a: sample 0 appears twice"),
        ([("a", 0), ("b", 0)], [("b", 0)], "b: sample 0 appears twice"),
        ([("a", 0), ("b", 0), ("c", 0)], [], "c: answered, but not a problem of the benchmark"),
    ],
)
def test_incomplete_answers_have_no_score(verdicts, failures, message, score):
    answers = [verdict(*each) for each in verdicts], [failure(*each) for each in failures]
    with pytest.raises(UserError, match=message):
        score([problem("a"), problem("b")], *answers)


def test_more_samples_than_are_present_have_no_score(score):
    with pytest.raises(UserError, match="b: sample 1 has neither"):
        score([problem("a"), problem("b")], [verdict("a", 0), verdict("a", 1), verdict("b", 0)], samples=2)


def test_a_benchmark_without_problems_has_no_score(score):
    with pytest.raises(UserError, match="without problems"):
        score([], [])
