"""Orphans in the queue, and how the queue is watched; Slurm's commands are stand-ins that say what they are told."""

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import snakemake_executor_plugin_slurm

from skymake import UserError, orphans
from snakemake_executor_plugin_skymake_slurm import Executor, ExecutorSettings


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """A queue: a list of rows for squeue; scancel empties it."""
    rows, tools = tmp_path / "rows", tmp_path / "bin"
    tools.mkdir()
    for tool, does in {"squeue": f"cat {rows}", "scancel": f"echo $* >{tmp_path}/cancelled; : >{rows}"}.items():
        (tools / tool).write_text(f"#!/bin/sh\n{does}\n")
        (tools / tool).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")

    def fill(*jobs: tuple[str, str, str, Path, str]) -> None:
        rows.write_text("".join("\x1f".join(map(str, job)) + "\n" for job in jobs))

    fill()
    return fill


def test_an_orphan_is_of_the_same_project_and_folder(queue, tmp_path):
    queue(
        ("7", "RUNNING", "skymake-nano_0a", tmp_path, "rule_train_student_wildcards_student"),
        ("8", "RUNNING", "skymake-nano-two_0b", tmp_path, "another project"),
        ("11", "RUNNING", "skymake-nano_two_0d", tmp_path, "one more"),
        ("9", "RUNNING", "skymake-nano_0c", tmp_path / "elsewhere", "another clone"),
        ("10", "PENDING", "bash", tmp_path, "not ours"),
    )
    assert orphans.find("nano", tmp_path) == [orphans.Orphan("7", "RUNNING", "rule_train_student_wildcards_student")]


def test_a_folder_is_the_same_by_another_name(queue, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    queue(("7", "RUNNING", "skymake-nano_0a", tmp_path, "a job"))
    assert len(orphans.find("nano", tmp_path / "link")) == 1


def test_with_orphans_there_is_no_start_until_they_are_gone(queue, tmp_path):
    orphans.refuse("nano", tmp_path)
    queue(("7", "RUNNING", "skymake-nano_0a", tmp_path, "rule_train_student"))
    with pytest.raises(UserError, match=r"1 jobs of an earlier run of nano(.|\n)*7 RUNNING +rule_train_student"):
        orphans.refuse("nano", tmp_path)
    assert [orphan.job for orphan in orphans.cancel("nano", tmp_path)] == ["7"]
    assert (tmp_path / "cancelled").read_text() == "7\n"
    orphans.refuse("nano", tmp_path)


def test_a_failing_squeue_is_no_empty_queue(queue, tmp_path):
    (tmp_path / "bin" / "squeue").write_text("#!/bin/sh\necho no controller >&2\nexit 1\n")
    with pytest.raises(UserError, match="squeue failed: no controller"):
        orphans.find("nano", tmp_path)


@pytest.mark.parametrize(("wanted", "waited"), [(10, 10), (30, 30), (180, 30)])
def test_no_wait_between_two_looks_is_longer_than_the_longest(monkeypatch, wanted, waited):
    async def plugin(self, active):
        self.next_seconds_between_status_checks = wanted
        for job in active:
            yield job

    async def look():
        return [job async for job in executor.check_active_jobs(["a job"])]

    monkeypatch.setattr(snakemake_executor_plugin_slurm.Executor, "check_active_jobs", plugin)
    executor = Executor.__new__(Executor)
    executor.workflow = SimpleNamespace(executor_settings=ExecutorSettings())
    assert asyncio.run(look()) == ["a job"]
    assert executor.next_seconds_between_status_checks == waited
