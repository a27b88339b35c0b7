"""`skymake doctor`: whether a project can be built here, before anything is spent. One line a check."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
import yte
from snakemake.utils import update_config

from skymake import UserError
from skymake.code import SCRIPTS
from skymake.project import Project

PROFILES = SCRIPTS.parent / "profiles"


class Finding(NamedTuple):
    """What a check found. detail: what is there, or what is missing and what to do about it."""

    level: Literal["ok", "warn", "fail"]
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.level:<4}  {self.what}: {self.detail}"


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("--profile", help="look at the cluster of this profile, too (slurm)")
    parser.add_argument(
        "--configfile", nargs="+", help="the project, as for snakemake (default: the profile's, or nano)"
    )
    parser.add_argument("--wait", type=int, default=300, help="seconds to wait for a node (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    """Print all findings. Returns 1 when one of them is a failure."""
    profile = read_profile(arguments.profile) if arguments.profile else {}
    config = read_config(arguments.configfile or profile.get("configfile", ["config/nano.yaml"]))
    worst = 0
    for finding in examine(Project(config), profile, arguments.wait):
        print(finding, flush=True)
        worst |= finding.level == "fail"
    return int(worst)


def examine(project: Project, profile: dict[str, Any], wait_s: int) -> Iterator[Finding]:
    """All findings about this machine, and about the cluster of a profile."""
    from skymake.doctor import cluster, machine  # they import this module

    yield from machine.examine(project)
    if profile:
        yield from cluster.examine(project, profile, wait_s)


def read_profile(name: str) -> dict[str, Any]:
    """A profile as Snakemake reads it: a folder, or the name of one of profiles/."""
    places = [Path(name) / "config.yaml", PROFILES / name / "config.yaml"]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise UserError(f"there is no profile {name}: neither {places[0]} nor {places[1]}")
    return yte.process_yaml(found.read_text(encoding="utf-8"), require_use_yte=True)


def read_config(paths: list[str]) -> dict[str, Any]:
    """Config files, each over those before it, as Snakemake merges them."""
    config: dict[str, Any] = {}
    for path in paths:
        try:
            update_config(config, yaml.safe_load(Path(path).read_text(encoding="utf-8")))
        except yaml.MarkedYAMLError as error:
            raise UserError(f"config file {path}: line {error.problem_mark.line + 1}: {error.problem}") from None
        except OSError as error:
            raise UserError(
                f"config file {path}: {error.strerror}; run `skymake doctor` where the Snakefile is"
            ) from None
    return config
