"""What may go wrong on a cluster, on a real Slurm of one host: jobs, nodes and drivers that end too early.

A project of one benchmark and one training, with stand-ins for vLLM and LLaMA-Factory that take their time. Each test
begins with both jobs under way, does its mischief, and ends with both complete, nothing paid for twice but what was in
flight, and nobody left behind.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml
from slurm import tools
from slurm.cluster import Cluster

from skymake import records, upkeep
from skymake.records import Trace

ROOT = Path(__file__).parents[1]
PROBLEMS, IN_FLIGHT, SAVE_STEPS = 32, 4, 3
TRACES = "results/small/traces/raw/seedling_base/sums_test/0.jsonl"
CHECKPOINT = "results/small/checkpoints/student/manifest.json"
LOCAL = "profiles/default"
QUICK = ["--skymake-slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "1"]
QUICK += ["--skymake-slurm-longest-poll", "3"]
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(900)]


class Site:
    """A copy of the repository on a cluster, with a small project in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tools = folder / "clone", folder / "tools"
        shutil.copytree(ROOT, self.folder, symlinks=True, ignore=shutil.ignore_patterns(".*", "results", "store"))
        tools.install(self.tools)
        (self.folder / "small.yaml").write_text(yaml.safe_dump(small(self.tools)))

    def start(self, *arguments: str, profile: str = "slurm") -> subprocess.Popen:
        """A driver that builds the traces and the checkpoint; its output is in driver.log."""
        command = [sys.executable, "-m", "snakemake", TRACES, CHECKPOINT, "--configfile", "small.yaml"]
        command += ["--profile", profile, *([] if profile == LOCAL else QUICK), *arguments]
        with open(self.folder / "driver.log", "w") as log:
            self.driver = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(self.folder / "scripts")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self.driver

    def run(self, *arguments: str, **options: str) -> tuple[int, str]:
        """(exit status, output) of a driver."""
        status = self.start(*arguments, **options).wait()
        return status, (self.folder / "driver.log").read_text()

    def watched(self) -> str:
        """How far the run is, as `skymake watch` says."""
        command = [sys.executable, "-m", "skymake.cli", "watch", "results/small", "--once"]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def reset(self) -> None:
        """End what a failed test left, and forget the traces and the checkpoint, and what was paid for them."""
        if self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()
            slurm("scancel", "--user", "root")
            (self.tools / "hold").unlink(missing_ok=True)
            self.until("rid of its jobs", lambda: not running())
            self.run("--unlock")
        for path in (TRACES, CHECKPOINT, "store/completions/seedling_base/sums_test", "store/training"):
            path = self.folder / path
            shutil.rmtree(path if path.is_dir() else path.parent, ignore_errors=True)
        for log in ("asked.log", "steps.log"):
            (self.tools / log).unlink(missing_ok=True)

    def hold(self) -> None:
        """Let servers and trainers stand still, until they are released."""
        (self.tools / "hold").touch()

    def release(self) -> None:
        (self.tools / "hold").unlink()

    def noted(self, log: str) -> list[str]:
        path = self.tools / log
        return path.read_text().splitlines() if path.exists() else []

    def until(self, what: str, ready: Callable[[], bool], seconds: float = 240) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, f"not {what}:\n{(self.folder / 'driver.log').read_text()[-4000:]}"
            time.sleep(0.2)

    def under_way(self, *arguments: str) -> tuple[subprocess.Popen, dict[str, tuple[str, str]]]:
        """A driver whose two jobs are half done; and rule -> (job, node) of what runs."""
        self.reset()
        driver = self.start(*arguments)
        self.until("under way", self.is_half_done)
        return driver, {("train" if "train" in what else "sample"): (job, node) for job, what, node in running()}

    def is_half_done(self) -> bool:
        return len(self.noted("asked.log")) > PROBLEMS / 4 and len(self.noted("steps.log")) > SAVE_STEPS

    def check_complete(self) -> None:
        """Both are complete, for the price of one build and of what was in flight."""
        assert len(list(records.read(self.folder / TRACES, Trace))) == PROBLEMS
        assert (self.folder / CHECKPOINT).exists()
        held = upkeep.counts(self.folder / "store/completions/seedling_base/sums_test")
        assert (held["completions"], held["repeated"]) == (PROBLEMS, 0)
        assert len(self.noted("asked.log")) <= PROBLEMS + IN_FLIGHT
        assert len(self.noted("steps.log")) <= tools.STEPS + SAVE_STEPS
        assert running() == []
        self.until("rid of every process", lambda: not self.processes(), 30)

    def processes(self) -> list[psutil.Process]:
        """What runs in or for this site."""
        return [
            p for p in psutil.process_iter(["cmdline"]) if str(self.folder.parent) in " ".join(p.info["cmdline"] or [])
        ]


def small(environment: Path) -> dict:
    """The nano project cut down to one set, one benchmark and one training, asked and trained by stand-ins."""
    config = yaml.safe_load((ROOT / "config/nano.yaml").read_text())
    sources, sets = config["sources"], config["sets"]
    config["engines"]["cpu"]["concurrency"] = IN_FLIGHT
    config["trainings"]["distillation"] |= {"save_steps": SAVE_STEPS, "batch_per_device": 8}
    recipe = {
        **config["recipes"]["student"],
        "teacher": "seedling_teacher",
        "student": "seedling_teacher",
        "sets": ["sums"],
    }
    compared = {"models": ["seedling_base", "student"], "benchmarks": ["sums_test"], "baseline": "seedling_base"}
    return config | {
        "project": "small",
        "environments": {**config["environments"], "serve": str(environment), "train": str(environment)},
        "sources": {
            name: sources[name] | {"nano": {**sources[name]["nano"], "rows": PROBLEMS}}
            for name in ("numina", "numina_test")
        },
        "sets": {name: sets[name] for name in ("sums", "sums_test")},
        "recipes": {"student": recipe},
        "evaluation": config["evaluation"] | compared,
    }


def slurm(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def running() -> list[list[str]]:
    """(job, what, node) of everything in the queue."""
    return [line.split("|") for line in slurm("squeue", "--noheader", "--format", "%i|%k|%N").splitlines()]


def steps() -> list[psutil.Process]:
    """The daemons of job steps."""
    return [p for p in psutil.process_iter(["cmdline"]) if "slurmstepd" in " ".join(p.info["cmdline"] or [])]


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory) -> Site:
    """A site where everything but the traces and the checkpoint is there."""
    made = Site(tmp_path_factory.mktemp("site"))
    status, said = made.run(profile=LOCAL)
    assert status == 0, said[-4000:]
    return made


def test_jobs_under_way_can_be_watched(site):
    driver, _ = site.under_way()
    site.hold()
    site.until("told in the log", lambda: re.search(r"training student .* [1-9]\d*/12 steps", site.watched()), 30)
    said = site.watched()
    site.release()
    for stage in ("train_student", "sample_traces"):
        assert re.search(rf"{stage} .* 0/1, 1 running", said), said
    answered = int(re.search(r"seedling_base on sums_test .* (\d+)/32 requests", said)[1])
    assert 0 < answered <= len(site.noted("asked.log")), said
    assert driver.wait() == 0
    site.check_complete()


def test_cancelled_jobs_are_submitted_once_more_and_go_on(site):
    driver, jobs = site.under_way()
    for job, _ in jobs.values():
        slurm("scancel", job)
    assert driver.wait() == 0
    site.check_complete()


def test_jobs_over_their_time_limit_go_on_with_more_time(site):
    driver, jobs = site.under_way()
    for job, _ in jobs.values():
        slurm("scontrol", "update", f"JobId={job}", "TimeLimit=0:01")
    assert driver.wait() == 0
    site.check_complete()


def test_nodes_set_down_send_their_jobs_back_to_the_queue(site):
    driver, jobs = site.under_way()
    for job, node in jobs.values():
        slurm("scontrol", "update", f"NodeName={node}", "State=down", "Reason=test")  # it comes back by itself
        site.until("requeued", lambda job=job: "Restarts=1" in slurm("scontrol", "show", "job", job))
    site.until("ended where they were", lambda: not site.processes() and not steps())
    time.sleep(5)  # slurmd looks for the end of a job at intervals, and drains its node if it is sent the job before
    for job, _ in jobs.values():
        slurm("scontrol", "update", f"JobId={job}", "StartTime=now")  # Slurm gives them two minutes to end
    assert driver.wait() == 0
    site.check_complete()


def test_a_killed_slurmd_that_comes_back_costs_nothing(site, cluster):
    driver, jobs = site.under_way()
    for _, node in jobs.values():
        cluster.end(node, signal.SIGKILL)
        cluster.start_node(node)
    assert driver.wait() == 0
    site.check_complete()
    assert len(site.noted("asked.log")) == PROBLEMS and len(site.noted("steps.log")) == tools.STEPS


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_a_driver_that_is_asked_to_end_leaves_nothing_behind_and_goes_on_later(site, how):
    driver, _ = site.under_way()
    driver.send_signal(how)
    assert driver.wait() != 0
    site.until("rid of its jobs", lambda: not running())
    assert site.run()[0] == 0
    site.check_complete()


def test_a_killed_driver_leaves_orphans_which_the_next_one_does_not_submit_again(site):
    driver, jobs = site.under_way()
    site.hold()
    driver.kill()
    driver.wait()
    assert site.run("--unlock")[0] == 0
    status, said = site.run()
    assert status and all(job in said for job, _ in jobs.values())
    assert "--skymake-slurm-cancel-orphans" in said
    assert len(running()) == 2
    site.release()
    assert site.run("--skymake-slurm-cancel-orphans")[0] == 0
    site.check_complete()
