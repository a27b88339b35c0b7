"""A build on disk: the results folder of a project, read with the config that its last run had."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from skymake import UserError, inventory, preferences, records
from skymake.config import ConfigError
from skymake.mixtures import Provenance
from skymake.project import Project
from skymake.records import Problem

NAME = "run.json"
T = TypeVar("T")


class Run(records.Record):
    """What a run of Snakemake was told. config: of all its config files together."""

    config: dict[str, Any]


def begin(project: Project) -> None:
    """Note what a run is told, beside its results. It is no output of a rule, so that it makes nothing run again."""
    records.write_json(Path(project.results) / NAME, Run(project.config))


class Build:
    """A results folder. Paths are given, and told, as they lie from where the user stands."""

    def __init__(self, results: str | Path) -> None:
        folder = Path(os.path.abspath(results))
        self.root = Path(os.path.relpath(folder.parents[1]))  # where Snakemake runs: prompts and the store lie there
        if not (folder / NAME).exists():
            raise UserError(f"{results} is no results folder: it has no {NAME}, which every run of snakemake writes")
        self.run = records.read_json(folder / NAME, Run)
        try:
            self.project = Project(self.run.config)
        except ConfigError as error:
            raise UserError(
                f"{results} was built by another version of skymake, whose config differs:\n{error}"
            ) from None
        self.results = self.root / self.project.results

    def path(self, name: str) -> Path:
        """A file that the project names, from where the user stands."""
        return self.root / name

    def files(self, pattern: str, **names: list[str]) -> list[Path]:
        """Those files of a pattern below the results that are there."""
        paths = map(self.path, self.project.files(pattern, **names))
        return [path for path in paths if path.exists()]

    def curation(self, recipe: str, pattern: str) -> list[Path]:
        """The files of a pattern for each set of a recipe, with its teacher."""
        return [self.path(name) for name in self.project.recipe_files(recipe, pattern)]

    def read(self, pattern: str, type: type[T], **names: list[str]) -> Iterator[tuple[str, T]]:
        """Every record of the files of a pattern, with its place as `file:line`."""
        for path in self.files(pattern, **names):
            for number, record in enumerate(records.read(path, type), start=1):
                yield f"{path}:{number}", record

    def find(self, pattern: str, type: type[T], is_it: Callable[[T], bool], **names: list[str]) -> tuple[str, T]:
        """The place and the record that is meant; UserError when no file of the pattern has it."""
        for place, record in self.read(pattern, type, **names):
            if is_it(record):
                return place, record
        raise UserError(
            f"no {type.__name__.lower()} in {self.results / pattern} is of this row: build it again ({names})"
        )

    def problems(self, sets: list[str]) -> Iterator[Problem]:
        """The problems of some sets."""
        for _, problem in self.read("problems/{set}/{shard}.jsonl", Problem, set=sets):
            yield problem

    def provenance(self, recipe: str) -> list[Provenance] | list[preferences.Provenance]:
        """Where the rows, or the pairs, of a recipe's mixture come from; empty where it has none."""
        type = preferences.Provenance if recipe in self.project.paired else Provenance
        return [row for _, row in self.read(f"mixtures/{recipe}/provenance.jsonl", type)]

    @property
    def curated(self) -> list[str]:
        """The recipes that learn from traces."""
        return inventory.curated(self.project)

    @property
    def sets(self) -> list[str]:
        """The sets that this build asks."""
        return inventory.sets(self.project)

    def askers(self, set: str) -> list[str]:
        """The models that answer the problems of a set."""
        return inventory.askers(self.project, set)
