"""What a build was made of and with: `manifest.json` in its results, and `skymake verify`, which checks it again."""

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from skymake import UserError, records
from skymake.records import Record, Verdict

NAME = "manifest.json"


class File(Record):
    """A file as it was: its size, and the SHA-256 of its content."""

    bytes: int
    sha256: str


class Manifest(Record):
    """A build in one file.

    settings: the config. files: path, from where Snakemake ran -> the file; sources, prompts and weights among them.
    graders: every grader, with version, comparator and the tier of its sandbox -> how many verdicts are its own.
    programs: rule -> digest of the code behind it. environments: name -> its packages, pinned as pip has them.
    machine: where the manifest was written; nothing is made again when it is another.
    """

    project: str
    settings: dict[str, Any]
    graders: dict[str, int]
    programs: dict[str, str]
    environments: dict[str, list[str]]
    machine: dict[str, Any]
    files: dict[str, File]


def describe_file(path: str | Path) -> File:
    """The file as it is, read piece by piece."""
    with open(path, "rb") as file:
        return File(os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())


def graders(verdicts: Iterable[str]) -> dict[str, int]:
    """Grader -> verdicts."""
    return dict(sorted(Counter(verdict.grader for verdict in records.read_all(verdicts, Verdict)).items()))


def packages() -> list[str]:
    """Every package of the workflow's own environment, pinned, and its Python."""
    found = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return [f"python=={platform.python_version()}", *sorted(found, key=str.lower)]


def machine() -> dict[str, Any]:
    """The hardware and the system at hand."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "gpus": _gpus(),
    }


def _processor() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(": ")[2] if names else platform.machine()


def _gpus() -> list[str]:
    """Name, memory and driver of each GPU."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def check(manifest: Manifest, root: Path) -> list[tuple[str, str]]:
    """(path, trouble) of every file that is not what it was; files lie below `root`."""
    found = []
    for name, file in tqdm(manifest.files.items(), desc="verifying", unit=" files", disable=None, leave=False):
        path = root / name
        if not path.is_file():
            found.append((name, "missing"))
        elif path.stat().st_size != file.bytes:
            found.append((name, f"differs: {path.stat().st_size:,} bytes instead of {file.bytes:,}"))
        elif describe_file(path) != file:
            found.append((name, "differs"))
    return found


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake verify`."""
    parser.add_argument("results", metavar="RESULTS", help="results folder of a build, such as results/nano")
    parser.epilog = "Reads every file that the manifest lists. The exit status is 1 when one is not what it was."


def run(arguments: argparse.Namespace) -> int:
    """`skymake verify`: name every file of the manifest that differs or is missing."""
    path = Path(os.path.abspath(arguments.results)) / NAME
    if not path.exists():
        raise UserError(f"{arguments.results} has no {NAME}: it is written at the end of a build, by `snakemake`")
    manifest = records.read_json(path, Manifest)
    troubles = check(manifest, path.parents[2])
    for name, trouble in troubles:
        print(f"{name}: {trouble}")
    size = sum(file.bytes for file in manifest.files.values()) / 1e6
    print(f"{len(troubles)} of {len(manifest.files)} files ({size:,.1f} MB) are not what they were", file=sys.stderr)
    return int(bool(troubles))
