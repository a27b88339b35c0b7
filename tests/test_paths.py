"""The workflow where the path to it has a blank in it."""

import shlex

import pytest
from clone import Build


@pytest.mark.slow
def test_a_server_is_started_from_a_folder_with_a_blank_in_its_name(tmp_path):
    folder = tmp_path / "my models"
    folder.mkdir()
    told = Build(folder).snakemake("--dry-run", "--printshellcmds", "results/nano/traces/raw/teacher/sums/0.jsonl")
    [command] = [line for line in told.splitlines() if "serve_model.py" in line]
    assert str(folder / "scripts" / "serve_model.py") in shlex.split(command)
