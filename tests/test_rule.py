"""What a rule's function says, and how its process ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

JOB = """
import logging
from skymake import UserError, rule

def job():
    {does}

rule.serve(job)
"""


def run(does: str, log: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", JOB.format(does=does), f"log={log}"]
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("does", "status", "said"),
    [
        ("logging.info('done')", 0, "job: done\n"),
        ("raise UserError('do this')", 1, "job: do this\n"),
    ],
)
def test_what_is_said_is_in_the_log_and_on_the_terminal(tmp_path, does, status, said):
    done = run(does, tmp_path / "log")
    assert (done.returncode, done.stderr, (tmp_path / "log").read_text()) == (status, said, said)


def test_a_bug_shows_where_it_is(tmp_path):
    done = run("[][1]", tmp_path / "log")
    assert done.returncode == 1 and "IndexError" in (tmp_path / "log").read_text()


def test_the_log_holds_every_letter_whatever_the_locale(tmp_path):
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    run("logging.info('\\u03c0')", tmp_path / "log", **plain)
    assert (tmp_path / "log").read_bytes() == "job: \u03c0\n".encode()
