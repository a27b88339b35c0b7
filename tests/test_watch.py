"""How far a run is, told from its journal, its jobs' logs and the store."""

import logging
import os
import socket
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import psutil
import pytest
from small_build import PRICE, config
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from skymake import UserError, builds, cli, journal, records
from skymake.journal import Driver, Event, Journal
from skymake.project import Project
from skymake.store import Completion, Store

NOW = time.time()


def started(id: int, rule: str, ago: float, **wildcards: str) -> Event:
    name = "/".join(["results/nano/logs", rule, *wildcards.values()])
    return Event(NOW - ago, "start", {}, id, rule, wildcards, [f"{name}.out"], [f"{name}.log"])


@pytest.fixture
def watch(tmp_path, monkeypatch, capsys):
    """Look once at a run with these events and logs; returns the exit status and the lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("skymake.watch.time", SimpleNamespace(time=lambda: NOW))
    builds.begin(Project(config()))

    def look(*events: Event, logs: dict[str, str] | None = None) -> tuple[int, list[str]]:
        records.write(f"results/nano/{journal.NAME}", events)
        for name, text in (logs or {}).items():
            path = Path("results/nano/logs", f"{name}.log")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            os.utime(path, (NOW, NOW))
        return cli.main(["watch", "results/nano", "--once"]), capsys.readouterr().out.strip().splitlines()

    return look


PLAN = Event(NOW - 100, "plan", {"build_problems": 4, "sample_traces": 2, "train_student": 1})


def test_a_stage_has_what_is_done_running_and_left(watch):
    jobs = [started(id, "build_problems", 40, set=f"s{id}") for id in range(3)]
    status, said = watch(PLAN, *jobs, *(Event(NOW - 20, "finish", id=id) for id in range(2)))
    assert status == 0
    assert said[0].startswith("nano: 2 of 7 jobs (29%) in 01:40, at least 00:40 left, about $0.00")
    assert said[2].startswith("  build_problems |#") or "█" in said[2]
    assert said[2].endswith("2/4, 1 running, 00:40 left")


def test_requests_are_counted_in_the_store_and_priced(watch):
    with Store("store").segment("oracle", "sums") as segment:
        for number in range(30):
            segment.append(Completion(f"k{number}", "x", None, "stop", 9, 20, 0.1, 0, "o"))
    job = started(0, "sample_traces", 30, model="oracle", set="sums", shard="0")
    said = watch(
        PLAN, job, logs={"sample_traces/oracle/sums/0": "sample_traces: oracle, sums: 90 requests, 60 of them to ask\n"}
    )
    assert said[1][-1].strip().endswith("30/60 requests, 20 tokens/s, 00:30 left")
    usd = 30 * (9 * PRICE["prompt_usd"] + 20 * PRICE["completion_usd"]) / 1e6
    assert f"about ${usd:,.2f}" in said[1][0]


def test_a_training_says_its_steps(watch):
    steps = "step {} of 20, loss 1.5, 120 tokens/s, {} s left\n"
    job = started(0, "train_student", 60, recipe="student")
    _, said = watch(PLAN, job, logs={"train_student/student": steps.format(5, 90) + steps.format(10, 60)})
    assert "at least 01:00 left" in said[0]
    assert said[-1].strip().startswith("training student") and said[-1].endswith(
        "10/20 steps, 120 tokens/s, 01:00 left"
    )


def test_the_log_of_an_earlier_run_says_nothing(watch):
    """A job that waits in a queue was started for Snakemake, and its log is still that of the last time."""
    job = started(0, "train_student", -60, recipe="student")
    _, said = watch(PLAN, job, logs={"train_student/student": "step 10 of 20, loss 1.2, 120 tokens/s, 60 s left\n"})
    assert not any("steps" in line for line in said)


def test_a_failed_run_names_the_log(watch):
    job = started(0, "train_student", 60, recipe="student")
    status, said = watch(PLAN, job, Event(NOW, "fail", id=0, rule="train_student"), Event(NOW, "end", rule="failed"))
    assert status == 1 and said[0].startswith("nano: failed, 0 of 7 jobs")
    assert said[-1].strip() == "failed: train_student, see results/nano/logs/train_student/student.log"


def test_a_quiet_run_is_known_by_its_outputs(watch):
    job = started(0, "build_problems", 5, set="sums")
    Path(job.outputs[0]).parent.mkdir(parents=True)
    Path(job.outputs[0]).touch()
    assert watch(PLAN, job)[1][0].startswith("nano: 1 of 7 jobs")


def test_a_build_that_nobody_runs_has_nothing_to_watch(watch, capsys):
    assert watch(PLAN)[0] == 0
    Path("results/nano", journal.NAME).unlink()
    assert cli.main(["watch", "results/nano"]) == 2
    assert "has no journal.jsonl" in capsys.readouterr().err
    records.write_json("results/nano/run.json", {"config": {"project": "nano", "shards": "two"}})
    assert cli.main(["watch", "results/nano"]) == 2
    assert "was built by another version of skymake" in capsys.readouterr().err


def test_a_run_that_was_killed_has_ended_without_notice(watch):
    snakemake = subprocess.Popen(["sleep", "60"])
    driver = Driver(socket.gethostname(), snakemake.pid, psutil.Process(snakemake.pid).create_time())
    job = started(0, "train_student", 60, recipe="student")
    run, log = (PLAN, Event(NOW - 100, "begin", driver=driver), job), {"train_student/student": "loading\n"}
    status, said = watch(*run, logs=log)
    assert status == 0 and said[0].startswith("nano: 0 of 7 jobs (0%) in 01:40")
    snakemake.kill()
    for _ in ("a zombie", "nothing at all"):
        status, said = watch(*run, logs=log)
        assert status == 1 and said[0].startswith("nano: ended without notice, 0 of 7 jobs in 01:40")
        assert not any("running" in line for line in said)
        snakemake.wait()
    assert watch(*run, Event(NOW, "end", rule="done"))[1][0].startswith("nano: done")


@pytest.mark.parametrize(("change", "ended"), [({"host": "elsewhere", "pid": 1}, False), ({"born": 0.0}, True)])
def test_a_process_elsewhere_may_run_and_one_of_the_same_number_is_another(watch, change, ended):
    driver = msgspec.structs.replace(Driver.here(), **change)
    _, said = watch(PLAN, Event(NOW - 100, "begin", driver=driver))
    assert said[0].startswith("nano: ended without notice") == ended


def test_a_journal_holds_what_snakemake_said_before_it_began(tmp_path):
    book = Journal()
    try:
        said = {"stats": {"all": 1, "build_problems": 2, "total": 3}}
        logger.handle(
            logger.makeRecord("n", logging.INFO, "f", 1, "", (), None, extra={"event": LogEvent.RUN_INFO, **said})
        )
        book.begin(str(tmp_path))
        book.end("done")
        plan, begin, end = records.read(tmp_path / journal.NAME, Event)
        assert plan.rules == {"build_problems": 2} and (end.kind, end.rule) == ("end", "done")
        assert begin.driver == Driver.here() and not begin.driver.gone
    finally:
        logger.removeHandler(book)
    with pytest.raises(UserError):
        builds.Build(tmp_path)
