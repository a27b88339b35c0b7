"""Sampling asks for exactly what is missing, whatever happened before."""

import json
import logging
import multiprocessing
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import tenacity
from faulty_server import MODEL, FaultyServer, error, good, text_for
from test_client import LASTING, PASSING

from sample_traces import sample_traces
from skymake import UserError, client, records
from skymake.endpoint import Endpoint
from skymake.records import Failure, MathCheck, Origin, Problem, Trace

FORK = multiprocessing.get_context("fork")


def problem(number: int) -> Problem:
    return Problem(
        f"p{number}", "sums", "math", f"What is {number} + 1?", MathCheck("1"), None, Origin("o", "r", number)
    )


class Workplace:
    """A folder with a model, prompts and problems; `sample` calls the rule's function with its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        (folder / "manifest.json").write_text('{"digest": "00ff"}')
        (folder / "math.jinja").write_text("Answer in \\boxed{}. {{ question }}\n")
        (folder / "system.txt").write_text("Think.\n")
        self.sampling = {"temperature": 0.7, "top_p": 1.0, "max_tokens": 100, "samples": 4, "seed": 0}
        limits = {"concurrency": 8, "timeout_s": 30.0, "attempts": 2, "health_s": 10.0}
        self.endpoint = dict.fromkeys(Endpoint.__struct_fields__) | limits

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def arguments(self, server: FaultyServer | None, problems: list[Problem], shard: int = 0) -> dict[str, Any]:
        """The arguments of the rule, whose files are there now. Without a server, the last one's address stays."""
        records.write(self.path(f"problems.{shard}.jsonl"), problems)
        if server:
            server.engine(self.folder / "engine.json")
        return dict(
            engine=self.path("engine.json"),
            problems=self.path(f"problems.{shard}.jsonl"),
            weights=self.path("manifest.json"),
            prompt=self.path("math.jinja"),
            system=self.path("system.txt"),
            traces=self.path(f"traces.{shard}.jsonl"),
            failures=self.path(f"failures.{shard}.jsonl"),
            model="teacher",
            identity="",
            set="sums",
            sampling=self.sampling,
            endpoint=self.endpoint,
            store=self.path("store"),
            failure_share=0.1,
            plan="",
        )

    def sample(self, server: FaultyServer | None, problems: list[Problem], shard: int = 0, **changes) -> list[Trace]:
        sample_traces(**(self.arguments(server, problems, shard) | changes))
        return list(records.read(self.path(f"traces.{shard}.jsonl"), Trace))


@pytest.fixture
def place(tmp_path, monkeypatch) -> Workplace:
    monkeypatch.setattr(client, "_BACK_OFF", tenacity.wait_none())
    return Workplace(tmp_path)


PROBLEMS = [problem(number) for number in range(100)]


def test_traces_are_complete_in_order_and_say_who_was_asked_what(place):
    with FaultyServer() as server:
        traces = place.sample(server, PROBLEMS[:5])
    assert [(trace.problem, trace.sample) for trace in traces] == [(f"p{n}", k) for n in range(5) for k in range(4)]
    assert server.seen[0]["messages"] == [
        {"role": "system", "content": "Think."},
        {"role": "user", "content": "Answer in \\boxed{}. What is 0 + 1?"},
    ]
    assert {trace.model for trace in traces} == {"teacher"}
    assert len({trace.text for trace in traces}) == len({trace.key for trace in traces}) == 20


@pytest.mark.slow
def test_only_the_difference_is_asked(place):
    """The numbers are those that the server counts."""
    with FaultyServer() as server:

        def asked(*arguments, **changes) -> int:
            before = len(server.seen)
            place.sample(server, *arguments, **changes)
            return len(server.seen) - before

        place.sampling["samples"] = 4
        assert asked(PROBLEMS[:50]) == 50 * 4
        assert asked(PROBLEMS[:50]) == 0
        assert asked(PROBLEMS) == 50 * 4, "50 problems more cost 50 x k"
        place.sampling["samples"] = 8
        assert asked(PROBLEMS) == 100 * 4, "k from 4 to 8 costs the difference"
        assert asked(PROBLEMS[::-1]) == 0, "the order is nothing"
        assert asked(PROBLEMS[:30], shard=0) + asked(PROBLEMS[30:], shard=1) == 0, "the number of shards is nothing"
        assert asked(PROBLEMS, sampling=place.sampling | {"temperature": 0.6}) == 100 * 8, "all at a new temperature"
        Path(place.path("manifest.json")).write_text('{"digest": "00fe"}')
        assert asked(PROBLEMS[:10]) == 10 * 8, "other weights are another model"
        Path(place.path("math.jinja")).write_text("{{ question }}")
        assert asked(PROBLEMS[:10]) == 10 * 8, "a new prompt is a new question"
        assert asked(PROBLEMS[:10], weights=[], identity="https://api m") == 10 * 8


def test_nothing_missing_needs_no_server(place):
    with FaultyServer() as server:
        traces = place.sample(server, PROBLEMS[:5])
    before = Path(place.path("traces.0.jsonl")).read_bytes()
    assert place.sample(None, PROBLEMS[:5]) == traces
    assert Path(place.path("traces.0.jsonl")).read_bytes() == before
    assert place.sample(None, []) == []


def test_a_question_that_is_twice_in_a_set_is_asked_once(place):
    twins = [problem(1), Problem("twin", *[getattr(problem(1), name) for name in Problem.__struct_fields__[1:]])]
    with FaultyServer() as server:
        traces = place.sample(server, twins)
    assert len(server.seen) == 4
    assert [trace.text for trace in traces[:4]] == [trace.text for trace in traces[4:]]
    assert [trace.problem for trace in traces] == ["p1"] * 4 + ["twin"] * 4


def test_failures_are_counted_and_asked_again_next_time(place):
    sick = {"p3", "p7"}

    def behaviour(body, attempt):
        return error(500, "out of order") if any(f" {name[1:]} +" in str(body) for name in sick) else good(body)

    with FaultyServer(behaviour) as server:
        traces = place.sample(server, PROBLEMS[:50])
        failures = list(records.read(place.path("failures.0.jsonl"), Failure))
        assert [(failure.problem, failure.sample) for failure in failures] == [
            (p, k) for p in ("p3", "p7") for k in range(4)
        ]
        assert {(failure.kind, failure.model) for failure in failures} == {("server_error", "teacher")}
        assert len(traces) == 48 * 4
        assert "out of order" not in Path(place.path("traces.0.jsonl")).read_text()
        sick.clear()
        before = len(server.seen)
        assert len(place.sample(server, PROBLEMS[:50])) == 50 * 4
        assert len(server.seen) - before == 2 * 4
    assert Path(place.path("failures.0.jsonl")).read_text() == ""


def test_too_many_failures_end_the_rule_early_and_keep_what_was_answered(place):
    with FaultyServer(lambda body, attempt: good(body) if body["seed"] % 2 else error(400, "too long")) as server:
        with pytest.raises(UserError, match=r"too many requests failed.* refused .*too long"):
            place.sample(server, PROBLEMS)
        assert len(server.seen) < 150, "it is certain after 41 failures"
        assert not Path(place.path("traces.0.jsonl")).exists()
        traces = place.sample(server, PROBLEMS, failure_share=1.0)
        assert len(traces) == server.served, "no answer was asked for twice"


@pytest.mark.slow
def test_chaos_leaves_good_traces_and_typed_failures_and_nothing_else(place, monkeypatch, caplog):
    """Every fault there is, at random: an error's text or a key is in no trace, no segment and no log."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SOME_KEYS", "sk-one,sk-two")
    secrets = ("sk-one", "sk-two")
    faults = [
        *(("once", fault) for fault, _ in PASSING.values()),
        *(("always", fault) for fault, _ in LASTING.values()),
    ]

    def behaviour(body, attempt):
        often, fault = faults[body["seed"] % len(faults)]
        return fault if often == "always" or attempt == 1 else good(body)

    with FaultyServer(behaviour) as server:
        hosted = place.endpoint | {"url": server.url, "id": MODEL, "key_env": "SOME_KEYS"}
        hosted |= {"concurrency": 50, "timeout_s": 3.0, "attempts": 6}  # one slow moment of the machine is no failure
        traces = place.sample(server, PROBLEMS, endpoint=hosted, engine=[], failure_share=1.0)
    failures = list(records.read(place.path("failures.0.jsonl"), Failure))
    answers = {text_for(body) for body in server.seen}
    assert len(traces) + len(failures) == 400
    assert {trace.text for trace in traces} <= answers
    assert {failure.kind for failure in failures} == {"too_long", "refused", "filtered", "empty"}
    assert set(server.tokens) == {f"Bearer {secret}" for secret in secrets}
    written = [path.read_text() for path in place.folder.rglob("*") if path.is_file()]
    assert not any(secret in text for secret in secrets for text in [*written, caplog.text])


def test_a_wrong_key_ends_the_rule_after_what_is_in_flight(place):
    with FaultyServer(lambda body, attempt: error(401, "no")) as server, pytest.raises(UserError, match="401"):
        place.sample(server, PROBLEMS)
    assert len(server.seen) <= 8


def test_a_damaged_store_costs_the_damaged_records(place):
    with FaultyServer() as server:
        traces = place.sample(server, PROBLEMS)
        (segment,) = Path(place.path("store")).rglob("*.jsonl")
        whole = bytearray(segment.read_bytes())
        for position in random.Random(0).sample(range(len(whole)), 3):
            whole[position] ^= 0xFF
        segment.write_bytes(whole)
        before = len(server.seen)
        again = place.sample(server, PROBLEMS)
    assert 1 <= len(server.seen) - before <= 3
    assert [(trace.key, trace.text) for trace in again] == [(trace.key, trace.text) for trace in traces]


def texts(traces: list[Trace]) -> list[tuple]:
    return [(trace.key, trace.problem, trace.sample, trace.text) for trace in traces]


@pytest.mark.slow
def test_a_job_killed_at_random_moments_loses_only_what_was_in_flight(place):
    """kill -9, ten times in a row, which together are shorter than one job; the server counts."""
    dice = random.Random(1)
    with FaultyServer(lambda body, attempt: good(body, delay=0.04)) as server:
        for _ in range(10):
            job = FORK.Process(target=place.sample, args=(server, PROBLEMS))
            job.start()
            time.sleep(dice.uniform(0.05, 0.25))
            job.kill()
            job.join()
        assert job.exitcode == -signal.SIGKILL
        traces = place.sample(server, PROBLEMS)
        assert 400 <= len(server.seen) <= 400 + 10 * 8
        undisturbed = Workplace(place.folder / "undisturbed")
        assert texts(traces) == texts(undisturbed.sample(server, PROBLEMS))


def start_server(place: Workplace) -> subprocess.Popen:
    engine = Path(place.path("engine.json"))
    engine.unlink(missing_ok=True)
    script = Path(__file__).with_name("faulty_server.py")
    server = subprocess.Popen([sys.executable, script, engine, place.path("asked.log"), "0.02"])
    while not engine.exists():
        time.sleep(0.01)
    return server


@pytest.mark.slow
def test_a_server_killed_at_random_moments_loses_only_what_was_in_flight(place):
    """kill -9, ten times; each time the job ends with one message, and the next one takes up where it ended."""
    dice = random.Random(2)
    finished = 0
    for _ in range(10):
        server = start_server(place)
        job = FORK.Process(target=sampled, args=(place,))
        job.start()
        time.sleep(dice.uniform(0.05, 0.2))
        server.kill()
        server.wait()
        job.join(timeout=60)
        finished += job.exitcode == 0
        assert job.exitcode in (0, 7), "it ends by itself, with a UserError"
    server = start_server(place)
    traces = place.sample(None, PROBLEMS)
    server.kill()
    asked = len(Path(place.path("asked.log")).read_text().splitlines())
    assert 400 <= asked <= 400 + 10 * 8
    assert finished < 10
    with FaultyServer() as healthy:
        assert texts(traces) == texts(Workplace(place.folder / "undisturbed").sample(healthy, PROBLEMS))


def sampled(place: Workplace) -> None:
    """The job: exit status 7 for a UserError that says what happened."""
    try:
        place.sample(None, PROBLEMS)
    except UserError as trouble:
        sys.exit(7 if "is gone" in str(trouble) else 8)


def test_two_jobs_at_once_lose_nothing(place):
    with FaultyServer(lambda body, attempt: good(body, delay=0.01)) as server:
        halves = [PROBLEMS[:60], PROBLEMS[40:]]
        jobs = [FORK.Process(target=place.sample, args=(server, half, shard)) for shard, half in enumerate(halves)]
        for job in jobs:
            job.start()
        for job in jobs:
            job.join()
        assert [job.exitcode for job in jobs] == [0, 0]
        before = len(server.seen)
        assert len(place.sample(server, PROBLEMS, shard=2)) == 400
        assert len(server.seen) == before


def test_an_endpoint_that_is_not_described_well_is_named(place):
    with FaultyServer() as server, pytest.raises(UserError, match=r"endpoint of model teacher.*unknown field `speed`"):
        place.sample(server, PROBLEMS[:1], endpoint=place.endpoint | {"speed": 9})


def test_the_traces_are_bytes_that_depend_on_the_store_alone(place):
    with FaultyServer(lambda body, attempt: good(body, delay=random.uniform(0, 0.01))) as server:
        place.sample(server, PROBLEMS[:20])
    first = Path(place.path("traces.0.jsonl")).read_bytes()
    Path(place.path("traces.0.jsonl")).unlink()
    place.sample(None, PROBLEMS[:20])
    assert Path(place.path("traces.0.jsonl")).read_bytes() == first
    assert json.loads(first.splitlines()[0])["seconds"] > 0


SNAKEFILE = """
import json
import logging
arguments = json.load(open("arguments.json"))
paths = ("engine", "problems", "weights", "prompt", "system")
rule sample_traces:
    input: **{{name: arguments[name] for name in paths}}
    output: traces="traces.jsonl", failures="failures.jsonl"
    log: "job.log"
    params: **{{name: value for name, value in arguments.items() if name not in (*paths, "traces", "failures")}}
    script: "{script}"
"""


@pytest.mark.slow
@pytest.mark.timeout(600)  # Snakemake starts two dozen times
def test_snakemake_killed_at_random_moments_loses_only_what_was_in_flight(place):
    """kill -9, ten times in a row: the job must end with Snakemake, or the next one would ask beside it."""
    dice = random.Random(3)
    script = Path(__file__).parents[1] / "scripts" / "sample_traces.py"
    Path(place.path("Snakefile")).write_text(SNAKEFILE.format(script=script))
    command = [sys.executable, "-m", "snakemake", "-c1", "-q", "--rerun-incomplete", "--directory", place.folder]
    command += ["--snakefile", place.path("Snakefile")]
    with FaultyServer(lambda body, attempt: good(body, delay=0.3)) as server:
        arguments = place.arguments(server, PROBLEMS)
        Path(place.path("arguments.json")).write_text(json.dumps(arguments))
        for _ in range(10):
            before = len(server.seen)
            workflow = subprocess.Popen(command)
            while len(server.seen) == before and workflow.poll() is None:
                time.sleep(0.01)
            time.sleep(dice.uniform(0.0, 1.0))
            workflow.kill()
            workflow.wait()
            subprocess.run([*command, "--unlock"], check=True)
            asked = len(server.seen)
            time.sleep(0.5)
            assert len(server.seen) == asked, "the job outlived Snakemake"
        subprocess.run(command, check=True)
        assert 400 <= len(server.seen) <= 400 + 10 * 8
        undisturbed = Workplace(place.folder / "undisturbed").sample(server, PROBLEMS)
        assert texts(list(records.read(place.path("traces.jsonl"), Trace))) == texts(undisturbed)
