"""`skymake impact`: what changes in a build when a source, or the published row of one problem, goes away."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from skymake import UserError, mixtures, records, statistics
from skymake.builds import Build
from skymake.mixtures import Dropped
from skymake.records import Problem
from skymake.statistics import Score


class Change(NamedTuple):
    """A file that changes, and why."""

    path: Path
    why: str


class OfProblem(msgspec.Struct):
    """What is needed here of a record that belongs to a problem."""

    problem: str


KEYED = ("references", "quarantine", "traces", "failures", "verdicts", "filtered", "rejections")
"""Folders of the results whose records belong to a problem of a set."""


class Removal:
    """Published rows that go away, and what follows. rows: of the source, all of them when None."""

    def __init__(self, build: Build, source: str, rows: set[int] | None) -> None:
        self.build, self.source = build, source
        sets = build.project.config["sets"]
        self.sets = [name for name in build.sets if sets[name]["source"] == source]
        self.problems = {p.id: p for p in build.problems(self.sets) if rows is None or p.origin.row in rows}
        self.first = min((problem.origin.row for problem in self.problems.values()), default=0)
        self.moved = {recipe: self.rows_of(recipe) for recipe in build.curated}

    def files(self) -> list[Change]:
        """Every file that is another one afterwards, in the order of the graph."""
        found: dict[Path, str] = {}
        for path, why in self._files():
            found.setdefault(path, why)
        return [Change(*each) for each in found.items()]

    def _files(self) -> Iterator[Change]:
        for name in self.sets:
            yield from self.of_set(name)
        for recipe, (gone, come) in self.moved.items():
            yield from self.of_mixture(recipe, gone, come)
        for model in self.retrained():
            yield from self.of_model(model)
        for score in self.build.files("scores/{model}/{benchmark}.json", **self.evaluated(self.sets)):
            yield Change(score, "the benchmark has other problems")
        scored = self.evaluated(self.sets)["benchmark"] or self.retrained()
        last = ("comparison.csv", "comparison.md") if scored else ()
        for name in (*last, "report.html"):
            yield from (Change(path, "shows what is above") for path in self.build.files(name))

    def of_set(self, name: str) -> Iterator[Change]:
        """The problems of a set, and every record that belongs to one of those that go."""
        for path in self.build.files("problems/{set}/{shard}.jsonl", set=[name]):
            later = sum(problem.origin.row >= self.first for problem in records.read(path, Problem))
            gone = sum(problem.id in self.problems for problem in records.read(path, Problem))
            if later:
                yield Change(path, f"{gone} problems go" + (", later ones have other rows" if later > gone else ""))
        yield from (Change(path, "a row less") for path in self.build.files("problems/{set}/drops.json", set=[name]))
        askers = self.build.askers(name)
        for path in sorted(path for folder in KEYED for path in (self.build.results / folder).rglob("*.jsonl")):
            parts = path.relative_to(self.build.results).with_suffix("").parts
            if name in parts and (parts[0] in ("references", "quarantine") or set(askers) & set(parts)):
                gone = sum(record.problem in self.problems for record in records.read(path, OfProblem))
                if gone:
                    yield Change(path, f"{gone} records go")

    def rows_of(self, recipe: str) -> tuple[list[int], list[Dropped]]:
        """The rows of a mixture that go, by number, and the traces that come in because what kept them out goes."""
        gone = [origin.row for origin in self.build.provenance(recipe) if origin.problem in self.problems]
        heirs: dict[str, str] = {}
        come = []
        for _, trace in self.build.read(f"mixtures/{recipe}/dropped.jsonl", Dropped):
            if trace.by in self.problems and trace.problem not in self.problems and not self.still_asked(trace):
                question = mixtures.normal(self.problems[trace.by].question)
                if heirs.setdefault(question, trace.problem) == trace.problem:
                    come.append(trace)
        return gone, come

    def still_asked(self, trace: Dropped) -> bool:
        """Whether a benchmark's problem that stays asks the same question too."""
        question = mixtures.normal(self.problems[trace.by].question)
        benchmarks = self.build.project.config["evaluation"]["benchmarks"]
        return trace.reason == mixtures.HELD_OUT and any(
            problem.id not in self.problems and mixtures.normal(problem.question) == question
            for problem in self.build.problems(benchmarks)
        )

    def of_mixture(self, recipe: str, gone: list[int], come: list[Dropped]) -> Iterator[Change]:
        """The files of a mixture, and the count of what became of its problems."""
        folder = self.build.results / "mixtures" / recipe
        left_out = [trace for _, trace in self.build.read(f"mixtures/{recipe}/dropped.jsonl", Dropped)]
        touched = [trace for trace in left_out if {trace.problem, trace.by} & self.problems.keys()]
        why = f"{len(gone)} rows go" + (f", {len(come)} come in their place" if come else "")
        changed = {"train.jsonl": gone or come, "provenance.jsonl": gone or come, "dropped.jsonl": touched}
        changed["card.md"] = gone or come or touched or self.restated(recipe)
        yield from (Change(folder / name, why) for name, there in changed.items() if there)
        if set(self.build.project.sets(recipe)) & set(self.sets):
            yield from (Change(path, why) for path in self.build.files(f"funnels/{recipe}.json"))

    def restated(self, recipe: str) -> bool:
        """Whether the mixture was given a trace of a problem that goes, though it may have lost its answer since."""
        pattern, where = "traces/reformatted/{model}/{set}/{shard}.jsonl", self.build.project.curated(recipe)
        traces = self.build.read(pattern, OfProblem, model=where["teacher"], set=where["set"])
        return any(trace.problem in self.problems for _, trace in traces)

    def retrained(self) -> list[str]:
        """The recipes that are trained again: other rows, or another model to start or to learn from."""
        found = [recipe for recipe, moved in self.moved.items() if any(moved)]
        recipes = self.build.project.recipes
        for _ in recipes:
            parents = {name: {recipe["student"], recipe.get("teacher")} for name, recipe in recipes.items()}
            found += [name for name in recipes if name not in found and parents[name] & set(found)]
        return found

    def of_model(self, model: str) -> Iterator[Change]:
        """What is trained, answered and scored anew."""
        for name in ("manifest.json", "trainer_log.jsonl"):
            yield from (Change(path, "trained again") for path in self.build.files(f"checkpoints/{model}/{name}"))
        for folder in ("traces", "verdicts", "filtered", "rejections"):
            for path in sorted((self.build.results / folder).rglob("*.jsonl")):
                if model in path.parts and path.stat().st_size:
                    yield Change(path, f"{model} is another model")
        for path in self.build.files("scores/{model}/{benchmark}.json", **self.evaluated(self.build.sets)):
            if path.parent.name == model:
                yield Change(path, f"{model} is another model")

    def evaluated(self, sets: list[str]) -> dict[str, list[str]]:
        """The models that are scored, and those of the sets that they are scored on."""
        evaluation = self.build.project.config["evaluation"]
        return {"model": evaluation["models"], "benchmark": [name for name in evaluation["benchmarks"] if name in sets]}


def find(build: Build, name: str) -> Removal:
    """The removal of a source by its name, or of a problem by its id: of the published row that it comes from."""
    if name in build.project.config["sources"]:
        return Removal(build, name, None)
    for problem in build.problems(build.sets):
        if problem.id == name:
            return Removal(build, problem.origin.source, {problem.origin.row})
    raise UserError(f"{name} is neither a source of this config nor a problem of {build.results}")


def summary(removal: Removal) -> list[str]:
    """What goes, in the words of the graph: problems, rows of mixtures, trainings, scores."""
    build, lines = removal.build, []
    for name in removal.sets:
        count = sum(problem.set == name for problem in removal.problems.values())
        lines.append(f"{count:,} problems of the set {name}" + _caveat(build, name, count))
    for recipe, (gone, come) in removal.moved.items():
        if gone or come:
            total, some = len(build.provenance(recipe)), ", ".join(str(row + 1) for row in gone[:8])
            lines.append(
                f"{len(gone):,} of the {total:,} rows of {recipe}"
                + (f" (line{'s' if len(gone) > 1 else ''} {some}{', ...' if len(gone) > 8 else ''})" if gone else "")
                + (f"; {len(come):,} that they kept out come in" if come else "")
            )
    lines += [f"trained again: {model}" for model in removal.retrained()]
    return [*lines, *scores(removal)]


def _caveat(build: Build, name: str, count: int) -> str:
    limit = build.project.config["sets"][name]["limit"]
    return f"; the set is limited to {limit:,}, so as many others come in" if limit and count else ""


def scores(removal: Removal) -> Iterator[str]:
    """The scores that move: of models that stay what they would be, of those that are trained again what they were."""
    build, again = removal.build, removal.retrained()
    for _, score in _scores(build):
        left = {name: row for name, row in score.outcomes.items() if name not in removal.problems}
        now = f"{100 * score.accuracy.value:.1f} [{100 * score.accuracy.low:.1f}, {100 * score.accuracy.high:.1f}]"
        what = f"score of {score.model} on {score.benchmark}: {now}"
        if score.model in again:
            yield f"{what}, measured again"
        elif not left:
            yield f"{what}, gone with all its problems"
        elif len(left) < len(score.outcomes):
            rest = statistics.accuracy(left)
            yield f"{what} -> {100 * rest.value:.1f} [{100 * rest.low:.1f}, {100 * rest.high:.1f}]"


def _scores(build: Build) -> Iterator[tuple[Path, Score]]:
    evaluation = build.project.config["evaluation"]
    names = {"model": evaluation["models"], "benchmark": evaluation["benchmarks"]}
    for path in build.files("scores/{model}/{benchmark}.json", **names):
        yield path, records.read_json(path, Score)


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake impact`."""
    parser.add_argument("name", metavar="SOURCE|PROBLEM", help="a source of the config, or the id of a problem")
    parser.add_argument("--results", required=True, help="results folder of the build, such as results/nano")
    parser.add_argument("--files", action="store_true", help="print the paths of the files that change, and no more")


def run(arguments: argparse.Namespace) -> int:
    """`skymake impact`: print what changes."""
    removal = find(Build(arguments.results), arguments.name)
    changed = removal.files()
    if arguments.files:
        print(*(change.path for change in changed), sep="\n")
        return 0
    print(f"Without {arguments.name}:", *summary(removal), sep="\n  ")
    width = max((len(str(change.path)) for change in changed), default=0)
    print("\nFiles that change:", *(f"{change.path!s:<{width}}  {change.why}" for change in changed), sep="\n  ")
    return 0
