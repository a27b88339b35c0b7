"""`skymake impact`: what changes in a build when a source, or the published row of one problem, goes away."""

import argparse
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from skymake import UserError, inventory, judged, records, selection, statistics
from skymake.builds import Build
from skymake.config import teachers
from skymake.decontamination import Asked, Hit, Index, compare
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


class Selected(NamedTuple):
    """A mixture: its traces with their rows, the verified ones left out, the counts of both, and what asks what."""

    rows: dict[tuple[str, str], int]
    left_out: list[Dropped]
    counts: dict[str, Counter[str]]
    hits: list[Hit]


CURATION = {
    "problems": "problems/{set}/{shard}.jsonl",
    "traces": "traces/{form}/{teacher}/{set}/{shard}.jsonl",
    "verdicts": "verdicts/{form}/{teacher}/{set}/{shard}.jsonl",
}
"""What a mixture is made from."""
KEYED = ("references", "quarantine", "traces", "failures", "verdicts", "filtered", "rejections", "rewrites")
"""Folders of the results whose records belong to a problem of a set."""


class Removal:
    """Published rows that go away, and what follows. rows: of the source, all of them when None.

    sets: those taken from the source; touched: those of them that lose a problem. first: the first row that goes.
    """

    def __init__(self, build: Build, source: str, rows: set[int] | None) -> None:
        self.build, self.source = build, source
        sets = build.project.config["sets"]
        self.sets = [name for name in build.sets if sets[name]["source"] == source]
        self.problems = {p.id: p for p in build.problems(self.sets) if rows is None or p.origin.row in rows}
        self.first = min((problem.origin.row for problem in self.problems.values()), default=0)
        self.touched = [name for name in self.sets if any(p.set == name for p in self.problems.values())]
        self.before = {recipe: self.selected(recipe, ()) for recipe in build.curated}
        self.after = {recipe: self.selected(recipe, self.problems) for recipe in build.curated}

    def files(self) -> list[Change]:
        """Every file that is another one afterwards, in the order of the graph."""
        found: dict[Path, str] = {}
        for path, why in self._files():
            found.setdefault(path, why)
        found |= dict.fromkeys(self.cards(found), "shows what is above")
        scored = any(path.parent.parent.name == "scores" for path in found)
        for name in (*inventory.LAST, "plan.json", "plan.md"):
            if scored or not name.startswith("comparison"):
                found |= dict.fromkeys(self.build.files(name), "shows what is above")
        return [Change(*each) for each in found.items()]

    def _files(self) -> Iterator[Change]:
        for name in self.sets:
            yield from self.of_set(name)
        for recipe in self.build.curated:
            yield from self.of_mixture(recipe)
        for model in self.retrained():
            yield from self.of_model(model)
        for score in self.build.files("scores/{model}/{benchmark}.json", **self.evaluated(self.touched)):
            yield Change(score, "the benchmark has other problems")

    def cards(self, found: Collection[Path]) -> list[Path]:
        """The cards of recipes whose mixture or checkpoint is another, or that name a score that is."""
        mixed = [recipe for recipe in self.build.curated if self.build.results / f"funnels/{recipe}.json" in found]
        scored = any(path.parent.parent.name == "scores" for path in found)
        trained = self.build.project.released if scored else mixed
        return [
            *self.build.files("mixtures/{recipe}/README.md", recipe=mixed),
            *self.build.files("checkpoints/{recipe}/README.md", recipe=trained),
        ]

    def of_set(self, name: str) -> Iterator[Change]:
        """The problems of a set, and every record that belongs to one of those that go."""
        for path in self.build.files("problems/{set}/{shard}.jsonl", set=[name]):
            later = sum(problem.origin.row >= self.first for problem in records.read(path, Problem))
            gone = sum(problem.id in self.problems for problem in records.read(path, Problem))
            if later:
                yield Change(path, f"{gone} problems go" + (", later ones have other rows" if later > gone else ""))
        yield from (Change(path, "other counts") for path in self.build.files("problems/{set}/drops.json", set=[name]))
        askers = self.build.askers(name)
        for path in sorted(path for folder in KEYED for path in (self.build.results / folder).rglob("*.jsonl")):
            parts = path.relative_to(self.build.results).with_suffix("").parts
            if name in parts and (parts[0] in ("references", "quarantine") or set(askers) & set(parts)):
                gone = sum(record.problem in self.problems for record in records.read(path, OfProblem))
                if gone:
                    yield Change(path, f"{gone} records go")

    def selected(self, recipe: str, without: Collection[str]) -> Selected:
        """What a mixture is made of without some problems: the choice of its rows, made again."""
        project, build = self.build.project, self.build
        if recipe in project.paired:
            pairs = [pair for pair in build.provenance(recipe) if pair.problem not in without]
            return Selected({(pair.chosen.key, pair.rejected.key): pair.row for pair in pairs}, [], {}, [])
        paths = {name: build.curation(recipe, pattern) for name, pattern in CURATION.items()}
        asked = {p.id: p for p in records.read_all(paths["problems"], Problem) if p.id not in without}
        answers = (pair for pair in judged.read(paths["traces"], paths["verdicts"]) if pair[0].problem in asked)
        hits = self.hits(recipe, asked, without)
        kept, fates = selection.select(asked, answers, {hit.problem: hit for hit in hits}, project.limits(recipe))
        rows = {(trace.key, trace.problem): number for number, trace in enumerate(kept)}
        return Selected(rows, fates.left_out, fates.counts, hits)

    def hits(self, recipe: str, asked: Collection[str], without: Collection[str]) -> list[Hit]:
        """What asks the problems of a recipe already; compared anew when one that is found to ask goes away."""
        known = [hit for _, hit in self.build.read(f"contamination/{recipe}/hits.jsonl", Hit)]
        if not any(hit.other in without and hit.problem in asked for hit in known):
            return [hit for hit in known if hit.problem in asked]
        benchmarks = self.build.project.config["evaluation"]["benchmarks"]
        held_out = [
            path for name in benchmarks for path in self.build.files("problems/{set}/{shard}.jsonl", set=[name])
        ]
        index = Index(held_out=True)
        for problem in (asked for asked in records.read_all(held_out, Asked) if asked.id not in without):
            index.add(problem)
        training = records.read_all(self.build.curation(recipe, CURATION["problems"]), Asked)
        return list(compare((problem for problem in training if problem.id not in without), index))

    def of_mixture(self, recipe: str) -> Iterator[Change]:
        """The files of a mixture, what was compared for it, and the count of what became of its problems."""
        before, after = self.before[recipe], self.after[recipe]
        config, folder = self.build.project.config, self.build.results / "mixtures" / recipe
        mine = set(self.build.project.sets(recipe))
        gone, come = self.moved(recipe)
        why = f"{len(gone):,} rows go" + (f", {len(come):,} come in" if come else "")
        compared = self.build.results / "contamination" / recipe
        different = [
            (compared / "hits.jsonl", before.hits != after.hits, "problems that a benchmark or another problem asks"),
            (
                compared / "summary.json",
                (mine | {*config["evaluation"]["benchmarks"]}) & {*self.sets},
                "other problems",
            ),
            (folder / "train.jsonl", self.other_rows(recipe), why),
            (folder / "provenance.jsonl", gone or come, why),
            (folder / "dropped.jsonl", before.left_out != after.left_out, "traces that are left out"),
            (folder / "card.md", before.counts != after.counts, "other counts"),
            (self.build.results / "funnels" / f"{recipe}.json", mine & {*self.sets} or gone or come, "other counts"),
        ]
        yield from (Change(path, why) for path, differs, why in different if differs and path.exists())

    def other_rows(self, recipe: str) -> bool:
        """Whether the rows are others: two problems of one question have the same request, and make the same row."""
        before, after = self.before[recipe].rows, self.after[recipe].rows
        return [key for key, _ in before] != [key for key, _ in after]

    def moved(self, recipe: str) -> tuple[list[int], list[int]]:
        """The rows of a mixture that go, by their number, and those that come in, by their number afterwards."""
        before, after = self.before[recipe].rows, self.after[recipe].rows
        gone = [row for trace, row in before.items() if trace not in after]
        return gone, [row for trace, row in after.items() if trace not in before]

    def retrained(self) -> list[str]:
        """The recipes that are trained again: other rows, or another model to start or to learn from."""
        found = [recipe for recipe in self.build.curated if self.other_rows(recipe)]
        recipes = self.build.project.recipes
        for _ in recipes:
            parents = {name: {recipe["student"], *teachers(recipe).values()} for name, recipe in recipes.items()}
            found += [name for name in recipes if name not in found and parents[name] & set(found)]
        return found

    def of_model(self, model: str) -> Iterator[Change]:
        """What is trained, answered and scored anew."""
        for name in ("manifest.json", "trainer_log.jsonl"):
            yield from (Change(path, "trained again") for path in self.build.files(f"checkpoints/{model}/{name}"))
        for folder in ("traces", "verdicts", "filtered", "rejections", "rewrites"):
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
    for recipe in build.curated:
        gone, come = removal.moved(recipe)
        if gone or come:
            total, some = len(build.provenance(recipe)), ", ".join(str(row + 1) for row in gone[:8])
            lines.append(
                f"{len(gone):,} of the {total:,} rows of {recipe}"
                + (f" (line{'s' if len(gone) > 1 else ''} {some}{', ...' if len(gone) > 8 else ''})" if gone else "")
                + (f"; {len(come):,} that were left out come in" if come else "")
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
