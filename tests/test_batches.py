"""The Batch API: what is submitted is paid for, so it is submitted once; and requests end as they do one by one."""

import json
import logging
import random
import re
import signal
import time
from pathlib import Path

import pytest
from batch_server import BatchServer
from faulty_server import MODEL, FaultyServer, Reply, error, good
from test_client import SECRET
from test_sample_traces import FORK, PROBLEMS, Workplace, place, texts  # noqa: F401  (a fixture)

from skymake import UserError, plans, records, upkeep
from skymake.records import Failure, Trace

LIMITS = {"poll_s": 0.02, "requests": 1000, "megabytes": 1.0}
EIGHT = PROBLEMS[:2]  # four samples each


@pytest.fixture
def hosted(place, monkeypatch):  # noqa: F811
    """Samples from a hosted model, in batches; changes are those of the endpoint or of the rule's arguments."""
    monkeypatch.setenv("SOME_KEYS", f"{SECRET},sk-another")

    def sample(server: BatchServer, problems=EIGHT, batch=LIMITS, attempts=2, **changes) -> list[Trace]:
        limits = {"url": server.url, "id": MODEL, "key_env": "SOME_KEYS", "batch": batch, "attempts": attempts}
        arguments = {"engine": "", "weights": "", "identity": "there m", "endpoint": place.endpoint | limits} | changes
        return place.sample(None, problems, **arguments)

    sample.place = place
    return sample


def failures(hosted) -> list[Failure]:
    return list(records.read(hosted.place.path("failures.0.jsonl"), Failure))


def notes(hosted) -> list[Path]:
    return sorted(hosted.place.folder.rglob("*.batch.json"))


def test_a_batch_gives_the_traces_that_requests_one_by_one_would(hosted):
    with BatchServer() as server, FaultyServer() as usual:
        traces = hosted(server)
        one_by_one = Workplace(hosted.place.folder / "usual").sample(usual, EIGHT, weights="", identity="there m")
    assert texts(traces) == texts(one_by_one), "though the rows came in another order"
    assert {trace.batched for trace in traces} == {True} and {trace.batched for trace in one_by_one} == {False}
    by_seed = {body["seed"]: body for body in usual.seen}
    assert {body["seed"]: body for body in server.requests} == by_seed, "the bodies are the same"
    assert not server.seen and len(server.batches) == 1 and not notes(hosted)
    assert server.keys == {f"Bearer {SECRET}"}


def test_only_the_difference_is_submitted(hosted):
    with BatchServer() as server:
        hosted(server, EIGHT)
        before = list(server.calls)
        hosted(server, EIGHT)
        assert server.calls == before, "nothing is missing, so nobody is asked"
        hosted(server, PROBLEMS[:5])
    assert [len(server._rows(batch)) for batch in server.batches.values()] == [8, 12]


def test_the_limits_make_several_batches(hosted):
    with BatchServer() as server:
        assert len(hosted(server, PROBLEMS[:5], LIMITS | {"requests": 6})) == 20
        assert sorted(len(server._rows(batch)) for batch in server.batches.values()) == [2, 6, 6, 6]
        hosted(server, PROBLEMS[5:10], LIMITS | {"megabytes": 0.001})
        sizes = [len(server.files[batch["input_file_id"]]) for batch in server.batches.values()]
    assert len(server.requests) == 40 and max(sizes[4:]) <= 1000


FATES = {
    0: (lambda body: good(body, finish="length"), None),
    1: (lambda body: good(body, text=" "), "empty"),
    2: (lambda body: good(body, text="half", finish="content_filter"), "filtered"),
    3: (lambda body: good(body, text=None, message={"refusal": "I cannot"}), "refused"),
    4: (lambda body: error(429, f"slow down, {SECRET}"), "rate_limited"),
    5: (lambda body: error(500), "server_error"),
    6: (lambda body: error(400, "no", code="context_length_exceeded"), "too_long"),
    7: (lambda body: good(body, model="another-model"), "invalid"),
    8: (lambda body: good(body, choices=[]), "invalid"),
    9: (lambda body: good(body), None),
}


def test_every_row_ends_as_an_answer_or_a_typed_failure_that_the_next_run_asks_again(hosted, caplog):
    caplog.set_level(logging.DEBUG)

    def fate(body) -> int:
        return int(re.search(r"What is (\d+)", body["messages"][-1]["content"])[1])

    with BatchServer(lambda body, attempt: FATES[fate(body)][0](body)) as server:
        traces = hosted(server, PROBLEMS[:10], failure_share=1.0)
        server.behaviour = good
        assert {failure.problem: failure.kind for failure in failures(hosted)} == {
            f"p{number}": kind for number, (_, kind) in FATES.items() if kind
        }
        assert {(trace.problem, trace.finish) for trace in traces} == {("p0", "length"), ("p9", "stop")}
        written = [path.read_text() for path in hosted.place.folder.rglob("*") if path.is_file()]
        assert not any(SECRET in text for text in [*written, caplog.text])
        assert len(hosted(server, PROBLEMS[:10])) == 40
    assert [len(server._rows(batch)) for batch in server.batches.values()] == [40, 32]


@pytest.mark.parametrize(("ends", "kind"), [("expired", "timeout"), ("cancelled", "refused"), ("completed", "invalid")])
def test_a_batch_that_ends_early_keeps_what_it_answered(hosted, ends, kind):
    """A batch that says it is complete, and is not, is one too."""
    with BatchServer(ends=ends, answered=5) as server:
        with pytest.raises(UserError, match=f"too many requests failed, run again.*3 {kind}"):
            hosted(server)
        assert not notes(hosted), "it is over"
        server.ends, server.answered = "completed", None
        assert len(hosted(server)) == 8
    assert [len(server._rows(batch)) for batch in server.batches.values()] == [8, 3]


def test_a_batch_that_was_never_begun_is_a_failure_of_all(hosted):
    with BatchServer(ends="failed") as server:
        with pytest.raises(UserError, match=r"8 rate_limited .*Enqueued token limit reached"):
            hosted(server)
        server.ends = "completed"
        assert len(hosted(server)) == 8


def test_rows_that_nobody_expects_cost_themselves(hosted):
    def spoil(output: bytes) -> bytes:
        strayed, odd, *rest = map(json.loads, output.splitlines())
        rows = [strayed | {"custom_id": "of another batch"}, odd | {"response": [7]}, rest[0], *rest]
        return b"\n\n".join(json.dumps(row).encode() for row in rows)

    with BatchServer() as server:
        server.spoil = spoil
        assert len(hosted(server, failure_share=1.0)) == 6
    assert [failure.kind for failure in failures(hosted)] == ["invalid"] * 2
    assert len(list(records.read(hosted.place.path("traces.0.jsonl"), Trace))) == 6


def test_an_output_that_is_cut_or_garbled_is_fetched_again(hosted):
    with BatchServer() as server:
        server.garble = [lambda output: output[:-99], lambda output: output.replace(b'{"id"', b'{"id', 1)]
        assert len(hosted(server, attempts=3)) == 8
    assert server.calls.count("GET files") == 3 and len(server.batches) == 1


def killed(sample, server: BatchServer, when) -> None:
    """Kill -9 a job that samples as soon as `when` holds."""
    job = FORK.Process(target=sample, args=(server,))
    job.start()
    deadline = time.monotonic() + 30
    while not when() and time.monotonic() < deadline:
        time.sleep(0.005)
    job.kill()
    job.join()
    assert job.exitcode == -signal.SIGKILL


def test_a_job_killed_while_a_batch_is_under_way_submits_nothing_again(hosted):
    with BatchServer(looks=10**6) as server:
        killed(hosted, server, server.looked.is_set)
        [note] = notes(hosted)
        assert len(server.batches) == 1 and upkeep.counts(note.parent)["batches"] == 1
        killed(hosted, server, lambda: server.batches["batch_0"]["looks"] > 20)
        server.looks = 0
        assert len(hosted(server, PROBLEMS[:3])) == 12, "what is new is another batch"
    assert [len(server._rows(batch)) for batch in server.batches.values()] == [8, 4]
    assert server.calls.count("POST files") == 2 and not notes(hosted)


def test_a_job_killed_before_it_was_told_the_batch_finds_it(hosted):
    """The worst moment: the batch is submitted, and nobody here knows its id. Others' batches are before it."""
    with BatchServer(after=lambda kind, number: Reply(delay=60) if kind == "POST batches" else None) as server:
        killed(hosted, server, lambda: server.batches)
        [note] = notes(hosted)
        assert json.loads(note.read_text())["batch"] is None
        server.after = lambda kind, number: None
        for number in range(3):
            server._create({"input_file_id": f"another's {number}", **{"endpoint": "/v1/chat/completions"}, **DAY})
        assert len(hosted(server)) == 8
    assert len(server.batches) == 4


DAY = {"completion_window": "24h"}


@pytest.mark.slow
def test_a_job_killed_at_random_moments_submits_every_request_once(hosted):
    dice, limits = random.Random(4), LIMITS | {"requests": 3}
    with BatchServer(looks=20) as server:
        for _ in range(12):
            job = FORK.Process(target=hosted, args=(server, PROBLEMS[:8], limits))
            job.start()
            time.sleep(dice.uniform(0.05, 0.3))
            job.kill()
            job.join()
        server.looks = 0
        assert len(hosted(server, PROBLEMS[:8], limits)) == 32
        assert len(server.requests) == 32 and not notes(hosted)


def test_a_job_killed_before_it_submitted_submits(hosted):
    with BatchServer(before=lambda kind, number: Reply(delay=60) if kind == "POST batches" else None) as server:
        killed(hosted, server, lambda: "POST batches" in server.calls)
        assert len(notes(hosted)) == 1 and not server.batches
        server.before = lambda kind, number: None
        assert len(hosted(server)) == 8
    assert len(server.batches) == 1 and not notes(hosted)


@pytest.mark.parametrize("kind", ["POST files", "POST batches", "GET batches", "GET files"])
@pytest.mark.parametrize(
    "fault", [error(500), error(429, retry_after="0.1"), Reply(cut=0, body=b"x"), Reply(body=b"<html>")]
)
def test_a_fault_of_the_api_heals_and_never_submits_twice(hosted, kind, fault):
    """The fault takes the place of a reply to what has been done."""
    with BatchServer(after=lambda asked, number: fault if (asked, number) == (kind, 1) else None) as server:
        assert len(hosted(server)) == 8
    assert len(server.batches) == 1


def test_an_api_that_stays_away_leaves_the_note(hosted):
    with BatchServer(looks=1, before=lambda kind, number: error(503) if kind == "GET files" else None) as server:
        with pytest.raises(UserError, match=r"HTTP 503(.|\n)*batch_0 is noted in .*\.batch\.json: run again"):
            hosted(server)
        server.before = lambda kind, number: None
        assert len(hosted(server)) == 8
    assert len(server.batches) == 1


def test_when_no_more_is_taken_what_was_is_waited_for(hosted):
    limits = LIMITS | {"requests": 3}
    full = BatchServer(before=lambda kind, n: error(400, "too many") if kind == "POST batches" and n > 2 else None)
    with full as server:
        with pytest.raises(UserError, match=r"HTTP 400.*too many"):
            hosted(server, batch=limits)
        server.before = lambda kind, number: None
        assert len(hosted(server, batch=limits)) == 8
    assert [len(server._rows(batch)) for batch in server.batches.values()] == [3, 3, 2]


def test_all_batches_are_taken_in_before_too_many_failures_end_the_job(hosted):
    with BatchServer(ends="expired", answered=1) as server:
        with pytest.raises(UserError, match="6 timeout"):
            hosted(server, batch=LIMITS | {"requests": 4})
        assert not notes(hosted)
        server.ends, server.answered = "completed", None
        assert len(hosted(server)) == 8
    assert len(server.requests) == 8 + 6


def test_a_wrong_key_is_a_user_error(hosted):
    refusing = BatchServer(before=lambda kind, number: error(401, f"wrong: {SECRET}"))
    with refusing as server, pytest.raises(UserError, match="401") as raised:
        hosted(server)
    assert SECRET not in str(raised.value) and len(server.calls) == 1


def test_two_jobs_at_the_same_batch_both_have_its_answers(hosted):
    """As after a killed Snakemake one of whose jobs lives on; and another number of shards asks for parts of it."""
    with BatchServer(looks=10**6) as server:
        killed(hosted, server, server.looked.is_set)
        first = FORK.Process(target=hosted, args=(server, EIGHT[:1]), kwargs={"shard": 1})
        second = FORK.Process(target=hosted, args=(server, EIGHT[1:]), kwargs={"shard": 2})
        first.start(), second.start()
        seen = server.batches["batch_0"]["looks"]
        while server.batches["batch_0"]["looks"] < seen + 10:
            time.sleep(0.01)
        server.looks = 0
        first.join(), second.join()
        assert (first.exitcode, second.exitcode) == (0, 0)
        assert len(hosted(server)) == 8
    assert len(server.batches) == 1 and not notes(hosted)


def test_what_is_under_way_is_not_asked_one_by_one(hosted):
    with BatchServer(looks=10**6) as server:
        killed(hosted, server, server.looked.is_set)
        with pytest.raises(UserError, match=r"leave `batch` in the config .* removing .*\.batch\.json"):
            hosted(server, batch=None)
        assert len(hosted(server, PROBLEMS[2:4], batch=None)) == 8, "other requests are"
    assert len(server.seen) == 8 and len(server.batches) == 1


def test_nothing_is_submitted_before_the_plan_permits_it(hosted, monkeypatch):
    monkeypatch.setattr(plans, "PATIENCE_S", 0.0)
    with BatchServer() as server, pytest.raises(UserError, match="has not counted"):
        hosted(server, plan=hosted.place.path("plan.json"))
    assert not server.calls
