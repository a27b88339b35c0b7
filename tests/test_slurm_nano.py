"""The nano project through `snakemake --profile slurm`, on a real Slurm of one host."""

import shutil
import subprocess

import pytest
from clone import ROOT, Build

PROJECT = ["--profile", "slurm", "--configfile", "config/nano.yaml"]
# The profile looks every 10 to 30 s, for jobs of hours; the jobs of this project take seconds.
QUICK = [
    *("--skymake-slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
    *("--skymake-slurm-longest-poll", "4"),
]
pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def on_slurm(cluster, build, tmp_path_factory) -> Build:
    """Built on Slurm, but for the trainings of base and teacher: their runs are found in the store."""
    made = Build(tmp_path_factory.mktemp("nano-slurm"))
    for recipe in ("base", "teacher"):
        run = (build.results / "checkpoints" / recipe / "config.json").resolve().parents[1]
        shutil.copytree(run, made.folder / "store" / "training" / run.name, symlinks=True)
    (made.folder / "slurm").symlink_to((ROOT / "slurm").readlink())
    made.output = made.snakemake(*PROJECT, *QUICK)
    return made


def test_gpu_rules_had_eight_gpus_of_the_gpu_partition_and_other_rules_none(on_slurm):
    command = ["sacct", "--allocations", "--noheader", "--parsable2", "--starttime", "now-2hours"]
    columns = ["--format", "JobName%100,Comment%300,Partition,ReqTRES%200,State"]
    rows = subprocess.run([*command, *columns], check=True, capture_output=True, text=True).stdout.splitlines()
    jobs = [row.split("|") for row in rows if row.startswith("skymake-nano_")]
    gpu = [job for job in jobs if "train_student" in job[1] or "serve_model" in job[1]]
    assert len(gpu) == 6 and len(jobs) > 40  # three trainings, and three servers with their clients
    for job in jobs:
        assert job[4] == "COMPLETED"
        assert job[2] == ("gpu" if job in gpu else "cpu")
        assert ("gres/gpu=8" in job[3]) == (job in gpu)


def test_it_is_what_this_machine_builds_without_slurm(on_slurm, build):
    """Weights, verdicts and scores to the last digit; traces but for the time they took."""
    assert (on_slurm.results / "comparison.csv").read_text() == build.compared
    for path in build.results.glob("checkpoints/*/manifest.json"):
        assert path.read_bytes() == (on_slurm.results / path.relative_to(build.results)).read_bytes()


def test_there_is_nothing_left_to_do_on_slurm_or_here(on_slurm):
    assert "Nothing to be done" in on_slurm.snakemake(*PROJECT)
    assert on_slurm.planned("--configfile", "config/nano.yaml") == {}
