"""Rejection sampling: correct traces alone go on."""

from itertools import chain

import msgspec
import pytest

from filter_traces import filter_traces
from skymake import UserError, records
from skymake.records import STATUSES, RecordError, Trace, Verdict


def trace(number: int, sample: int = 0) -> Trace:
    return Trace(f"key{number}-{sample}", f"p{number}", sample, "m", f"answer {number}", None, "stop", 1, 1, 0.1, 0)


def verdict(of: Trace, status: str) -> Verdict:
    return Verdict(of.key, of.problem, of.sample, status, "answer", "", 0.0, "g")


@pytest.fixture
def run(tmp_path):
    """Filter traces and verdicts, each given as one list a file; returns what is kept."""

    def filtered(traces, verdicts) -> list[Trace]:
        for name, files in (("traces", traces), ("verdicts", verdicts)):
            for number, rows in enumerate(files):
                records.write(tmp_path / f"{name}{number}", rows)
        out = tmp_path / "filtered"
        filter_traces(
            [str(tmp_path / f"traces{number}") for number in range(len(traces))],
            [str(tmp_path / f"verdicts{number}") for number in range(len(verdicts))],
            str(out),
        )
        return list(records.read(out, Trace))

    return filtered


def test_of_all_endings_only_correct_is_kept_and_of_published_answers_those_without_a_key(run):
    traces = [trace(number) for number in range(len(STATUSES))]
    verdicts = [verdict(one, status) for one, status in zip(traces, STATUSES, strict=True)]
    correct, unchecked = (traces[STATUSES.index(status)] for status in ("correct", "unchecked"))
    assert run([traces], [verdicts]) == [correct, unchecked]


def test_shards_follow_one_another_in_order(run):
    shards = [[trace(number, sample) for sample in range(2)] for number in (3, 1, 2)]
    assert run(shards, [[verdict(one, "correct") for one in shard] for shard in shards]) == [*chain(*shards)]


@pytest.mark.parametrize("field", ["key", "problem"])
def test_a_verdict_of_another_trace_is_refused(run, field):
    other = msgspec.structs.replace(verdict(trace(1), "correct"), **{field: "other"})
    with pytest.raises(UserError, match="trace p1, sample 0 has no verdict at its place"):
        run([[trace(1)]], [[other]])


def test_a_verdict_too_few_is_refused_and_leaves_no_file(run, tmp_path):
    with pytest.raises(ValueError, match="zip"):
        run([[trace(1), trace(2)]], [[verdict(trace(1), "correct")]])
    assert not (tmp_path / "filtered").exists()


def test_a_line_that_is_no_trace_is_named(run, tmp_path):
    with pytest.raises(RecordError, match="traces0:1"):
        run([[{"key": "k"}]], [[verdict(trace(1), "correct")]])
