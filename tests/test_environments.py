"""Environments of the heavy tools: complete or absent, and never with the workflow's own Python or keys.

pip is asked to install nothing, or what is not there: no test needs a network.
"""

import os
import sys
from pathlib import Path

import pytest

from skymake import UserError, environments, records
from skymake.environments import Environment


@pytest.fixture
def requirements(tmp_path, monkeypatch):
    """A requirement file of a tiny tool, in a place of its own."""
    monkeypatch.setitem(environments.CHECKS, "tiny-cuda", "import json")
    path = tmp_path / "tiny-cuda.txt"
    path.write_text("# nothing\n")
    return path


@pytest.fixture
def venvs(monkeypatch):
    """Instead of real virtual environments (seconds each), a folder with a link to this interpreter. Counts them."""
    made, real = [], environments._run

    def run(command: list[str], out, variables: dict[str, str] | None = None) -> None:
        if command[1:3] != ["-m", "venv"]:
            return real(command, out, variables)
        made.append(Path(command[3]))
        (made[-1] / "bin").mkdir(parents=True)
        (made[-1] / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (made[-1] / "bin" / "python").chmod(0o755)

    monkeypatch.setattr(environments, "_run", run)
    return made


def build(requirements: Path) -> Environment:
    return environments.build(requirements, "https://index.invalid/cpu", requirements.parent / "cache")


def test_an_environment_is_built_once_for_its_requirements(requirements, venvs):
    first = build(requirements)
    assert Path(first.python).exists() and build(requirements) == first and len(venvs) == 1
    requirements.write_text("# still nothing, in other words\n")
    assert build(requirements).digest != first.digest and len(venvs) == 2


def test_what_an_interrupted_build_left_does_not_count(requirements, venvs, monkeypatch):
    monkeypatch.setitem(environments.CHECKS, "tiny-cuda", "raise SystemExit(1)")
    with pytest.raises(UserError):
        build(requirements)
    [folder] = set(venvs)
    assert not (folder / "environment.json").exists()
    (folder / "left over").touch()
    monkeypatch.setitem(environments.CHECKS, "tiny-cuda", "import json")
    assert Path(build(requirements).python).parents[1] == folder
    assert not (folder / "left over").exists()


def test_pips_own_error_is_shown(requirements, venvs):
    requirements.write_text("./there-is-no-such-folder\n")
    with pytest.raises(UserError, match="there-is-no-such-folder"):
        build(requirements)


def test_an_environment_that_does_not_work_says_why(requirements, venvs, monkeypatch):
    monkeypatch.setitem(environments.CHECKS, "tiny-cuda", "import no_such_engine")
    with pytest.raises(UserError, match="No module named 'no_such_engine'"):
        build(requirements)


def test_an_environment_that_was_deleted_since_is_asked_to_be_rebuilt(tmp_path):
    records.write_json(tmp_path / "serve.json", Environment(str(tmp_path / "bin/python"), "digest", []))
    with pytest.raises(UserError, match="--forcerun build_environment"):
        environments.load(str(tmp_path / "serve.json"))


def test_a_tool_gets_neither_keys_nor_the_workflows_python(tmp_path, monkeypatch):
    for name in (
        "EXAMPLE_API_KEY",
        "EXAMPLE_KEYS",
        "HF_TOKEN",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "PYTHONSTARTUP",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HF_HOME", "a cache of the user")
    seen = environments.variables(Environment(str(tmp_path / "bin/python"), "digest", []))
    assert "secret" not in seen.values()
    assert seen["HF_HOME"] == "a cache of the user" and seen["PYTHONNOUSERSITE"] == "1"
    assert seen["PATH"].split(os.pathsep)[0] == str(tmp_path / "bin")


def test_every_requirement_file_has_its_check(request):
    files = (request.config.rootpath / "envs").glob("*-c*.txt")
    assert {path.stem for path in files} == environments.CHECKS.keys()
    for check in environments.CHECKS.values():
        compile(check, "check", "exec")


def test_deepspeeds_operators_are_compiled_with_the_environment(tmp_path, venvs, monkeypatch):
    requirements, asked = tmp_path / "train-cuda.txt", []
    requirements.write_text("# nothing\n")
    monkeypatch.setitem(environments.CHECKS, "train-cuda", "import json")
    monkeypatch.setattr(environments, "_compile", lambda *arguments: asked.append(arguments[2]))
    monkeypatch.setattr(environments.shutil, "which", lambda tool: None)
    build(requirements)
    assert not asked  # no compiler for it, which is said
    requirements.write_text("# nothing else\n")
    monkeypatch.setattr(environments.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    build(requirements)
    assert asked == [("DS_BUILD_CPU_ADAM",)]
