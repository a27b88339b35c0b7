"""Child processes never outlive the job that started them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from skymake import processes

# A child that starts a grandchild, and says the ids of both.
FAMILY = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", {grandchild!r}])
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(60)
"""
SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); " + (
    "time.sleep(60)"
)


def until(condition, seconds: float = 30.0):
    """What the condition gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.02)
    return found


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def family(log: Path) -> list[int]:
    """The ids that a child said, once it has."""
    return until(lambda: log.exists() and log.read_text().count("\n") and log.read_text().split())


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def test_after_the_block_child_and_grandchild_are_gone(tmp_path):
    log = tmp_path / "logs" / "log"
    with processes.running(python(FAMILY.format(grandchild=SLEEP)), {}, log) as child:
        pids = [int(pid) for pid in family(log)]
        assert pids[0] == child.pid and not any(map(is_gone, pids))
    until(lambda: all(map(is_gone, pids)))
    assert child.returncode == -signal.SIGTERM


def test_they_are_gone_after_an_error_in_the_block(tmp_path):
    log = tmp_path / "log"
    with (
        pytest.raises(RuntimeError, match="boom"),
        processes.running(python(FAMILY.format(grandchild=SLEEP)), {}, log),
    ):
        pids = [int(pid) for pid in family(log)]
        raise RuntimeError("boom")
    until(lambda: all(map(is_gone, pids)))


def test_who_does_not_listen_is_ended_by_force(tmp_path):
    log = tmp_path / "log"
    with processes.running(python(STUBBORN), {}, log, patience_s=0.2) as child:
        until(lambda: "deaf" in log.read_text())
    assert child.returncode == -signal.SIGKILL


def test_a_grandchild_that_does_not_listen_is_ended_too(tmp_path):
    log = tmp_path / "log"
    with processes.running(python(FAMILY.format(grandchild=STUBBORN)), {}, log):
        until(lambda: "deaf" in log.read_text())
        pids = until(lambda: [int(word) for word in log.read_text().split() if word.isdecimal()])
    until(lambda: all(map(is_gone, pids)))


def test_a_child_that_ended_before_is_no_error(tmp_path):
    with processes.running(python("print('done')"), {}, tmp_path / "log") as child:
        child.wait()
    assert child.returncode == 0 and processes.tail(tmp_path / "log") == "done\n"


def test_a_child_sees_the_variables_given_and_no_others(tmp_path):
    program = "import os; print(sorted(os.environ.keys() - {'LC_CTYPE'}))"
    with processes.running(python(program), {"ONE": "1"}, tmp_path / "log") as child:
        child.wait()
    assert processes.tail(tmp_path / "log") == "['ONE']\n"


# A job as `rule.run` makes it: a request to end leaves the block. It is started by another process, as by Snakemake.
JOB = """
import signal, sys
from pathlib import Path
from skymake import processes
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
processes.end_with_parent()
with processes.running({command!r}, {{}}, Path({log!r}), patience_s={patience_s}) as child:
    child.wait()
"""
STARTER = "import subprocess, sys; subprocess.run([sys.executable, '-c', {job!r}])"


@pytest.fixture
def cleared():
    """Process ids to end by force after a test, whatever came of it."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if not is_gone(pid):
            os.kill(pid, signal.SIGKILL)


def start(program: str, log: Path, cleared: list[int]) -> subprocess.Popen:
    """A process that has started the family, whose ids are in `cleared`."""
    process = subprocess.Popen(python(program))
    cleared += [int(pid) for pid in family(log)]
    return process


def test_a_child_ends_with_a_job_that_was_killed(tmp_path, cleared):
    """The kernel tells the child alone: what it started is the child's to end."""
    log = tmp_path / "log"
    with start(
        JOB.format(command=python(FAMILY.format(grandchild=SLEEP)), log=str(log), patience_s=20), log, cleared
    ) as job:
        job.kill()
    until(lambda: is_gone(cleared[0]))


def test_the_whole_family_ends_with_a_snakemake_that_was_killed(tmp_path, cleared):
    log = tmp_path / "log"
    job = JOB.format(command=python(FAMILY.format(grandchild=SLEEP)), log=str(log), patience_s=20)
    with start(STARTER.format(job=job), log, cleared) as snakemake_itself:
        snakemake_itself.kill()
    until(lambda: all(map(is_gone, cleared)))


# Both print their id, and then sleep; one does not listen, the other takes a second to save.
LISTENING = "import os, signal, sys, time; signal.signal(signal.SIGTERM, {}); print(os.getpid(), flush=True); " + (
    "time.sleep(60)"
)
DEAF = LISTENING.format("signal.SIG_IGN")
SLOW = LISTENING.format("lambda *_: (time.sleep(1), print('saved'), sys.exit())")


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_job_asked_twice_to_end_still_ends_its_child(tmp_path, cleared, first):
    log = tmp_path / "log"
    job = JOB.format(command=python(DEAF), log=str(log), patience_s=3)  # in which it is asked again
    with start(job, log, cleared) as process:
        process.send_signal(first)
        time.sleep(0.3)
        process.terminate()
    assert is_gone(cleared[0]) and process.returncode == 143


def test_a_job_asked_twice_to_end_gives_its_child_its_time(tmp_path, cleared):
    log = tmp_path / "log"
    job = JOB.format(command=python(SLOW), log=str(log), patience_s=20)
    with start(job, log, cleared) as process:
        process.terminate()
        time.sleep(0.3)
        process.terminate()
    assert "saved" in log.read_text() and process.returncode == 143


def test_a_job_runs_where_there_is_no_such_kernel(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda name: object())
    processes.end_with_parent()


def test_the_tail_of_a_log_is_its_end(tmp_path):
    log = tmp_path / "log"
    assert processes.tail(log) == "(no log)"
    log.write_bytes(b"x" * 5000 + b"\xff the end")
    assert processes.tail(log).endswith("\ufffd the end") and len(processes.tail(log)) == 3000
