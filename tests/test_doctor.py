"""What the doctor says of a profile, a project and a cluster; Slurm's answers are given."""

import re
import subprocess

import pytest
import yaml
from conftest import ROOT

from skymake import UserError, doctor
from skymake.doctor import cluster, machine
from skymake.project import Project

FAILED = subprocess.CompletedProcess([], 1, "", "no node")
NODES = "64|512000|(null)|infinite\n128|2000000|gpu:h100:8(S:0-1),nvme:1|2-00:00:00\n"


@pytest.fixture
def profile():
    return doctor.read_profile("slurm")


@pytest.fixture
def nano():
    return yaml.safe_load((ROOT / "config/nano.yaml").read_text())


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("infinite", None), ("2-00:00:00", 2880), ("1:30:00", 90), ("30:00", 30), ("1-12:00:00", 2160)],
)
def test_time_limits_as_sinfo_writes_them(limit, expected):
    assert cluster.minutes(limit) == expected


@pytest.mark.parametrize(
    ("gres", "expected"),
    [("gpu:h100:8", 8), ("gpu:4", 4), ("gpu", 1), ("gpu:h100:8(S:0-1)", 8), (None, 0), ("gpu:a100", 1)],
)
def test_how_many_gpus(gres, expected):
    assert cluster.gpus(gres) == expected


def test_requests_are_those_of_the_last_attempt_and_inherit_the_defaults(profile):
    asked = cluster.requests(profile)
    assert (
        asked["train_student"] | {"slurm_account": "sky", "gres": "gpu:h100:8", "runtime": 2880}
        == asked["train_student"]
    )
    assert asked[cluster.DEFAULTS]["mem_mb"] == 2 * 16000
    assert "gres" not in asked["sample_traces"]  # hangs on the job's input


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        ({}, "ok", "gpu has 64 CPUs"),
        ({"gres": "gpu:h200:8"}, "fail", "gpu:h200:8"),
        ({"gres": "gpu:h100:16"}, "fail", "gpu:h100:16"),
        ({"cpus_per_task": 129}, "fail", "129 CPUs"),
        ({"mem_mb": 2000001}, "fail", "2000001 MB"),
        ({"runtime": 2881}, "fail", "2881 min"),
    ],
)
def test_a_request_fits_a_node_or_the_difference_is_said(monkeypatch, profile, change, level, says):
    monkeypatch.setattr(cluster, "said", lambda *command: NODES)
    found = cluster.fits("train_student", cluster.requests(profile)["train_student"] | change)
    assert found.level == level and says in found.detail


def test_a_partition_that_is_not_there(monkeypatch, profile):
    monkeypatch.setattr(cluster, "said", lambda *command: "")
    assert "no partition gpu" in cluster.fits("train_student", cluster.requests(profile)["train_student"]).detail


@pytest.mark.parametrize(("accounts", "level"), [("sky\nother\n", "ok"), ("other\n", "fail"), ("", "warn")])
def test_the_account(monkeypatch, profile, accounts, level):
    monkeypatch.setattr(cluster, "said", lambda *command: accounts)
    assert cluster.account(profile).level == level


def test_a_site_without_accounts_and_gpus(monkeypatch, profile, nano):
    del profile["default-resources"]["slurm_account"], profile["set-resources"]["serve_model"]["gres"]
    monkeypatch.setattr(cluster, "said", lambda *command: "")
    assert cluster.account(profile).level == "ok"
    assert list(cluster.engines(Project({**nano, "device": "cpu"}), profile)) == []
    asked = []
    monkeypatch.setattr(cluster.subprocess, "run", lambda command, **_: asked.extend(command) or FAILED)
    assert [finding.level for finding in cluster.nodes("cpu", None, profile, wait_s=1)] == ["warn"]
    assert "-A" not in asked


@pytest.mark.parametrize(("age", "level"), [(300, "ok"), (50, "fail")])
def test_the_queue_must_remember_longer_than_we_look_away(monkeypatch, profile, age, level):
    monkeypatch.setattr(cluster, "said", lambda *command: f"MinJobAge               = {age} sec\n")
    assert cluster.polling(profile).level == level


def test_engines_that_leave_gpus_idle(profile, nano):
    found = list(cluster.engines(Project(nano), profile))
    assert [(finding.level, finding.what) for finding in found] == [("warn", "engine cpu")]
    sky = yaml.safe_load((ROOT / "config/sky-t1.yaml").read_text())
    assert {finding.level for finding in cluster.engines(Project(sky), profile)} == {"ok"}


def test_keys_that_are_missing(monkeypatch, nano):
    api = {"url": "https://api.example.com/v1", "id": "m", "key_env": "SOME_KEY"}
    api |= {"concurrency": 1, "timeout_s": 1, "attempts": 1}
    nano["models"]["hosted"] = {"api": api, "system": None}
    monkeypatch.delenv("SOME_KEY", raising=False)
    assert list(machine.tokens(Project(nano))) == [], "nobody asks it"
    nano["evaluation"]["models"].append("hosted")
    assert "set the environment variable SOME_KEY" in str(next(machine.tokens(Project(nano))))
    monkeypatch.setenv("SOME_KEY", "x")
    assert next(machine.tokens(Project(nano))).level == "ok"


def test_what_is_not_downloaded_yet_and_how_to_get_it(tmp_path, monkeypatch, nano):
    monkeypatch.chdir(tmp_path)
    found = {finding.what: finding for finding in machine.downloads(Project(nano))}
    assert found["environments"].level == "warn" and "--until build_environment" in found["environments"].detail
    assert found["weights"].level == "ok"  # the nano project has none to fetch


def test_what_has_no_part_in_the_project_need_not_be_fetched(tmp_path, monkeypatch):
    """As `--until fetch_source fetch_model` does not."""
    monkeypatch.chdir(tmp_path)
    sky = yaml.safe_load((ROOT / "config/sky-t1.yaml").read_text())
    sky["sources"]["spare"] = {"path": "data", "revision": "1", "files": ["rows.jsonl"]}
    found = {finding.what: finding.detail for finding in machine.downloads(Project(sky))}
    assert "qwq_32b_preview" in found["weights"] and "still_2" not in found["weights"]
    assert "numina_difficulty" in found["rows of published datasets"]
    assert "sky_t1_data" in found["rows of published datasets"]
    assert "spare" not in found["rows of published datasets"]


@pytest.mark.parametrize(("device", "needed"), [("cpu", " 6 GB needed"), ("cuda", " 15 GB needed")])
def test_how_much_disk_the_environments_need(tmp_path, monkeypatch, nano, device, needed):
    monkeypatch.chdir(tmp_path)
    assert needed in next(machine.disk(Project({**nano, "device": device}))).detail


def test_a_profile_that_is_not_there():
    with pytest.raises(UserError, match="there is no profile nowhere"):
        doctor.read_profile("nowhere")


def test_a_finding_is_one_line():
    assert re.fullmatch(r"warn  disk: 3 GB", str(doctor.Finding("warn", "disk", "3 GB")))


def test_the_sandbox_of_this_machine_is_looked_at():
    assert machine.sandbox().what == "sandbox"


def test_a_config_that_is_no_yaml_is_told(tmp_path):
    (tmp_path / "mine.yaml").write_text("sets: {sums: [")
    with pytest.raises(UserError, match=r"mine.yaml: line 1.*expected"):
        doctor.read_config([str(tmp_path / "mine.yaml")])
