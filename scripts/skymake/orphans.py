"""Jobs of an earlier run that are still in the queue, after its driver was killed and could not cancel them.

Snakemake would submit them a second time: two servers would answer the same questions, two trainers would write to the
same folder.
"""

import getpass
import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from skymake import UserError

CANCEL_S = 120  # a cancelled job has KillWait seconds (30 by default) to end, and an epilog may follow
_SEPARATOR = "\x1f"  # in no name, comment or path


class Orphan(msgspec.Struct, frozen=True):
    """A job of ours in the queue. job: Slurm's number. state: as squeue says it. what: rule and wildcards."""

    job: str
    state: str
    what: str


def job_name(project: str) -> str:
    """What the names of a project's Slurm jobs start with; the identity of the run follows."""
    return f"skymake-{project}"


def find(project: str, folder: Path) -> list[Orphan]:
    """The jobs of a project that were submitted from `folder` by this user and have not ended."""
    columns = ["%i", "%T", "%j", "%Z", "%k"]
    command = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", _SEPARATOR.join(columns)]
    rows = [line.split(_SEPARATOR) for line in _slurm(command).splitlines()]
    return [
        Orphan(job, state, what)
        for job, state, name, place, what in rows
        if name.rpartition("_")[0] == job_name(project) and os.path.realpath(place) == os.path.realpath(folder)
    ]


def cancel(project: str, folder: Path) -> list[Orphan]:
    """Cancel the orphans, and wait until the last is gone. Returns them. UserError when one stays."""
    found = waiting = find(project, folder)
    if found:
        _slurm(["scancel", *(orphan.job for orphan in found)])
    deadline = time.monotonic() + CANCEL_S
    while waiting:
        if time.monotonic() > deadline:
            raise UserError(f"cancelled, but still there after {CANCEL_S} s:\n{listed(waiting)}")
        time.sleep(1)
        waiting = find(project, folder)
    return found


def refuse(project: str, folder: Path) -> None:
    """UserError when there are orphans."""
    if found := find(project, folder):
        raise UserError(
            f"{len(found)} jobs of an earlier run of {project} are still in the queue, and would be submitted again:\n"
            f"{listed(found)}\nWait until they have ended, or cancel them with --skymake-slurm-cancel-orphans: what "
            "they have paid for is in the store either way."
        )


def listed(orphans: list[Orphan]) -> str:
    """One line for each."""
    return "\n".join(f"  {orphan.job} {orphan.state:<10} {orphan.what}" for orphan in orphans)


def _slurm(command: list[str]) -> str:
    """What a command of Slurm says. UserError when there is none, or it fails."""
    if not shutil.which(command[0]):
        raise UserError(f"there is no {command[0]} here: --profile slurm needs a machine that can submit Slurm jobs")
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
