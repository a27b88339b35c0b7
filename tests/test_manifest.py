"""The manifest lists all that a build is made of, and `verify` names every file that is not what it was."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

import pytest
import small_build
import yaml
from conftest import ROOT
from snakemake.utils import update_config

from skymake import UserError, cli, manifest, records
from skymake.inventory import inventory
from skymake.manifest import Manifest
from skymake.project import Project
from skymake.weights import describe as describe_folder
from write_manifest import write_manifest

PROJECTS = [
    pytest.param(["nano"], id="nano"),
    pytest.param(["nano", "nano-rewriter"], id="rewriter", marks=pytest.mark.slow),
    pytest.param(["sky-t1"], id="sky-t1", marks=pytest.mark.slow),
    pytest.param(["sky-t1", "sky-t1-ablations"], id="ablations", marks=pytest.mark.slow),
]
NOT_LISTED = r"/engines/|/plan\.(json|md)$"  # servers come and go, and so do plans


def graph_of(configs: list[str], *targets: str) -> set[str]:
    """The inputs and outputs of all jobs behind some files."""
    files = [str(ROOT / "config" / f"{name}.yaml") for name in configs]
    command = [
        sys.executable,
        "-m",
        "snakemake",
        *targets,
        "--dry-run",
        "--forceall",
        "--nolock",
        "--configfile",
        *files,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.findall(r"^ +(?:input|output): (.*)$", done.stdout, re.MULTILINE)
    return {name for names in found for name in names.split(", ")}


@pytest.mark.slow
@pytest.mark.parametrize("configs", PROJECTS)
def test_the_inventory_is_what_the_report_and_the_cards_rest_on(configs):
    """A rule whose files are missing here needs a line in skymake.inventory."""
    merged = {}
    for name in configs:
        update_config(merged, yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text()))
    project = Project(merged)
    listed = {file for files in inventory(project).values() for file in files}
    cards = project.files("{part}/{recipe}/README.md", part=["checkpoints", "mixtures"], recipe=project.released)
    graph = graph_of(configs, f"{project.results}/report.html", *cards)
    graph = {name for name in graph if not re.search(NOT_LISTED, name)}
    assert listed == graph


@pytest.fixture
def build(tmp_path, monkeypatch) -> Path:
    """A small build with its manifest, which the test stands in; returns the manifest's path."""
    monkeypatch.chdir(tmp_path)
    project = small_build.SmallBuild(small_build.config(), small_build.ROWS).project
    kinds = {kind: [file for file in files if Path(file).exists()] for kind, files in inventory(project).items()}
    weights = Path(project.results, "models", "seedling")
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(bytes(1000))
    records.write_json(weights / "manifest.json", describe_folder(weights))
    kinds["weights"] = [str(weights / "manifest.json")]
    path = f"{project.results}/manifest.json"
    write_manifest(**kinds, manifest=path, project="nano", settings=project.config, programs={"a_rule": "12ab"})
    return Path(path)


def verify(build: Path, capsys) -> tuple[int, list[str]]:
    """The exit status of `skymake verify`, and what it names."""
    status = cli.main(["verify", str(build.parent)])
    return status, capsys.readouterr().out.splitlines()


def test_a_build_is_what_its_manifest_says(build, capsys):
    assert verify(build, capsys) == (0, [])


def test_one_altered_byte_in_any_file_is_found_and_named(build, capsys):
    names = records.read_json(build, Manifest).files
    assert len(names) > 30 and "results/nano/models/seedling/model.safetensors" in names
    for name in names:
        path, content = Path(name), Path(name).read_bytes()
        if content:
            middle = len(content) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        else:
            path.write_bytes(b"x")
        status, said = verify(build, capsys)
        assert status == 1 and len(said) == 1 and said[0].startswith(f"{name}: differs")
        path.write_bytes(content)
    assert verify(build, capsys) == (0, [])


def test_a_missing_file_is_named(build, capsys, monkeypatch):
    Path("results/nano/comparison.csv").unlink()
    assert verify(build, capsys) == (1, ["results/nano/comparison.csv: missing"])
    monkeypatch.chdir(build.parent)  # the same from anywhere
    assert cli.main(["verify", "."]) == 1
    assert "comparison.csv: missing" in capsys.readouterr().out


def test_the_manifest_says_what_a_build_was_made_with(build):
    found = records.read_json(build, Manifest)
    assert found.settings["seed"] == 0 and found.programs == {"a_rule": "12ab"}
    assert found.graders == {"math/1": 24}
    assert any(name.startswith("snakemake==") for name in found.environments["workflow"])
    assert found.machine["cores"] and found.machine["memory_gib"] > 0


def test_a_build_without_a_manifest_says_how_to_get_one(tmp_path):
    with pytest.raises(UserError, match="written at the end of a build"):
        manifest.run(argparse.Namespace(results=str(tmp_path)))
