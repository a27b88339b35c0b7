"""The Slurm profile: of rules that exist, in jobs that Slurm can group, readable where there is no Slurm."""

import os
import shutil
import subprocess
import sys

import pytest
import yte
from conftest import ROOT
from test_laws import RULES

PROFILE = yte.process_yaml((ROOT / "profiles/slurm/config.yaml").read_text(), require_use_yte=True)
CLIENTS = [name for name, rule in RULES.items() if "engine" in rule.input.keys()]  # noqa: SIM118  (not a dict)


def test_profile_slurm_works_from_a_clone_by_its_name():
    assert (ROOT / "slurm").is_symlink() and (ROOT / "slurm").resolve() == ROOT / "profiles/slurm"


def test_every_rule_it_names_exists():
    assert {*PROFILE["set-resources"], *PROFILE["set-threads"]} <= RULES.keys()


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_is_one_job_with_its_server_but_has_no_gpu_where_the_model_is_hosted(client):
    server, asked = PROFILE["set-resources"]["serve_model"], PROFILE["set-resources"][client]

    class Input:
        engine = "engine.json"

    for name in ("slurm_partition", "gres"):
        assert eval(asked[name], {"input": Input}) == server[name]
    Input.engine = []
    assert eval(asked["gres"], {"input": Input}) is None
    assert asked["runtime"] == server["runtime"]


def test_gpu_jobs_ask_for_a_node_of_eight():
    for rule in ("serve_model", "train_student"):
        asked = PROFILE["set-resources"][rule]
        assert (asked["slurm_partition"], asked["gres"]) == ("gpu", "gpu:h100:8")


def test_every_number_says_when_to_change_it():
    for line in (ROOT / "profiles/slurm/config.yaml").read_text().splitlines():
        has_number = any(part.isdigit() for part in line.split("#")[0].replace(":", " ").split())
        assert not has_number or " # " in line, line


@pytest.fixture
def without_slurm(tmp_path) -> dict[str, str]:
    """The variables of a machine without Slurm: a PATH with nothing but a shell."""
    for tool in ("sh", "bash", "which"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    return {**os.environ, "PATH": str(tmp_path)}


@pytest.mark.slow
def test_a_dry_run_needs_no_cluster(without_slurm):
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--profile", "slurm"]
    done = subprocess.run(command, cwd=ROOT, env=without_slurm, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "train_student" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_without_a_cluster_says_so(without_slurm, tmp_path):
    for part in ("config", "envs", "profiles", "slurm"):
        (tmp_path / part).symlink_to(ROOT / part)
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--profile", "slurm"]
    command += ["--configfile", "config/nano.yaml", "--until", "generate_source"]
    done = subprocess.run(command, cwd=tmp_path, env=without_slurm, capture_output=True, text=True)
    assert done.returncode
    assert "--profile slurm needs a machine that can submit Slurm jobs" in done.stdout + done.stderr
