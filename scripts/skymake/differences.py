"""`skymake diff`: two builds side by side: config, rows, verdicts, scores and cost, and what they were made with."""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from skymake import inventory, judged, records, spending, statistics
from skymake.builds import Build
from skymake.costs import NOTHING, Cost
from skymake.grading.differences import flips
from skymake.manifest import NAME, Manifest
from skymake.mixtures import Dropped
from skymake.plans import Estimates
from skymake.records import Rejection, Trace, Verdict
from skymake.statistics import Score

EXAMPLES = 3


class Fate(NamedTuple):
    """What became of an answer: the key of its request, and how far it got."""

    key: str
    words: str


KEPT = "in the mixture"


def settings(before: Any, after: Any, name: str = "") -> Iterator[str]:
    """The settings that differ, one a line."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from settings(before.get(key, ...), after.get(key, ...), f"{name}.{key}".lstrip("."))
    elif before is ...:
        yield f"{name}: new, {_text(after)}"
    elif after is ...:
        yield f"{name}: gone, was {_text(before)}"
    elif before != after:
        yield f"{name}: {_text(before)} -> {_text(after)}"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode().replace('"', "")


def fates(build: Build, recipe: str) -> dict[tuple[str, int], Fate]:
    """(problem, sample) -> what became of the teacher's answer on its way into a mixture."""
    found: dict[tuple[str, int], Fate] = {}
    files = {kind: build.curation(recipe, pattern) for kind, pattern in STAGES.items()}
    for trace, verdict in judged.read(files["raw"], files["raw_verdicts"]):
        found[trace.problem, trace.sample] = Fate(trace.key, verdict.status.replace("_", " "))
    for rejection in records.read_all(files["rejections"], Rejection):
        found[rejection.problem, rejection.sample] = Fate(rejection.key, f"not reformatted: {rejection.reason}")
    for trace, verdict in judged.read(files["restated"], files["verdicts"]):
        stands = verdict.status in judged.STANDS
        words = KEPT if stands else f"{verdict.status.replace('_', ' ')} when reformatted"
        found[trace.problem, trace.sample] = Fate(trace.key, words)
    for _, dropped in build.read(f"mixtures/{recipe}/dropped.jsonl", Dropped):
        found[dropped.problem, dropped.sample] = Fate(dropped.key, dropped.reason)
    return found


STAGES = {
    "raw": "traces/raw/{teacher}/{set}/{shard}.jsonl",
    "raw_verdicts": "verdicts/raw/{teacher}/{set}/{shard}.jsonl",
    "rejections": "rejections/{form}/{teacher}/{set}/{shard}.jsonl",
    "restated": "traces/{form}/{teacher}/{set}/{shard}.jsonl",
    "verdicts": "verdicts/{form}/{teacher}/{set}/{shard}.jsonl",
}


def moved(one: Build, other: Build, recipe: str) -> dict[str, Counter[tuple[str, str]]]:
    """`out` and `in` -> (set, why) -> how many rows of a mixture went out from one build to the other, or came in."""
    both = (fates(one, recipe), fates(other, recipe))
    found: dict[str, Counter[tuple[str, str]]] = {}
    for direction, (here, there), elsewhere in (("out", both, other), ("in", both[::-1], one)):
        asked = {problem.id for problem in elsewhere.problems(elsewhere.project.sets(recipe))}
        found[direction] = Counter(
            (problem.rpartition("-")[0], _why(there.get((problem, sample)), key, problem, asked, elsewhere, recipe))
            for (problem, sample), (key, fate) in here.items()
            if fate == KEPT and there.get((problem, sample)) != Fate(key, KEPT)
        )
    return found


def _why(fate: Fate | None, key: str, problem: str, asked: set[str], build: Build, recipe: str) -> str:
    """Why a row of one build is none of the other."""
    if problem.rpartition("-")[0] not in build.project.sets(recipe):
        return "the set is not in the recipe"
    if fate is None:
        return "no such answer" if problem in asked else "no such problem"
    return fate.words if fate.words != KEPT else "another answer" if fate.key != key else fate.words


def rows(one: Build, other: Build) -> Iterator[str]:
    """The rows of each mixture that went out and came in, with the reason that the other build gives."""
    for recipe in dict.fromkeys([*one.curated, *other.curated]):
        counts = [len(build.provenance(recipe)) if recipe in build.curated else None for build in (one, other)]
        if None in counts:
            yield f"{recipe}: only in {'B' if counts[0] is None else 'A'}, {counts[0] or counts[1] or 0:,} rows"
            continue
        if recipe in {*one.project.paired, *other.project.paired}:
            yield f"{recipe}: {counts[0]:,} -> {counts[1]:,} pairs"
            continue
        found = moved(one, other, recipe)
        if any(found.values()) or counts[0] != counts[1]:
            yield f"{recipe}: {counts[0]:,} -> {counts[1]:,} rows"
        for direction, reasons in found.items():
            for (name, why), count in reasons.most_common():
                yield f"  {direction:>3} {count:>7,}  of {name}; {'in B' if direction == 'out' else 'in A'}: {why}"


def verdicts(one: Build, other: Build) -> Iterator[str]:
    """The verdicts that differ on the same trace, by kind, and the traces that one build has alone."""
    folders = {folder for build in (one, other) for folder in _judged(build)}
    for folder in sorted(folders):
        files = ([*sorted((build.results / "verdicts" / folder).glob("*.jsonl"))] for build in (one, other))
        found = flips(*(records.read_all(paths, Verdict) for paths in files))
        alone = {"absent": 0, "new": 0}
        for (before, after), pairs in found.items():
            if "absent" in (before, after):
                alone["new" if before == "absent" else "absent"] += len(pairs)
                continue
            examples = ", ".join(f"{new.problem}:{new.sample}" for _, new in pairs[:EXAMPLES])
            yield f"{folder}: {len(pairs):,} {before} -> {after}, such as {examples}"
        if any(alone.values()):
            yield f"{folder}: {alone['absent']:,} traces only in A, {alone['new']:,} only in B"


def _judged(build: Build) -> set[str]:
    """The folders of verdicts that a build has: form/model/set."""
    files = {name for name in inventory.inventory(build.project)["traces"] if "/verdicts/" in name}
    present = [build.path(name) for name in files if build.path(name).exists()]
    return {str(path.parent.relative_to(build.results / "verdicts")) for path in present}


def scores(one: Build, other: Build) -> Iterator[str]:
    """Every score that both have: paired on the problems that both asked, with what is said of noise."""
    before, after = (_scores(build) for build in (one, other))
    for model, benchmark in dict.fromkeys([*before, *after]):
        name, pair = f"{model} on {benchmark}", (before.get((model, benchmark)), after.get((model, benchmark)))
        if None in pair:
            yield f"{name}: only in {'B' if pair[0] is None else 'A'}, {_per_cent((pair[0] or pair[1]).accuracy.value)}"
            continue
        if pair[0].outcomes == pair[1].outcomes:
            yield f"{name}: {_per_cent(pair[0].accuracy.value)}, problem by problem the same"
            continue
        common = pair[0].outcomes.keys() & pair[1].outcomes.keys()
        told = f"{name}: {_per_cent(pair[0].accuracy.value)} -> {_per_cent(pair[1].accuracy.value)}"
        yield told + (f", {_difference(pair, common)}" if common else ", on other problems")


def _difference(pair: tuple[Score, Score], common: set[str]) -> str:
    ours, baseline = ({name: score.outcomes[name] for name in common} for score in pair[::-1])
    found = statistics.difference(ours, baseline)
    value, low, high = (100 * getattr(found.estimate, name) for name in ("value", "low", "high"))
    noise = "within noise" if found.within_noise else "more than noise"
    shared = (
        "" if len(common) == len(pair[0].outcomes) == len(pair[1].outcomes) else f" on {len(common):,} common problems"
    )
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]{shared}, p={found.p_value:.3f}: {noise}"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f}"


def _scores(build: Build) -> Mapping[tuple[str, str], Score]:
    evaluation = build.project.config["evaluation"]
    names = {"model": evaluation["models"], "benchmark": evaluation["benchmarks"]}
    found = (records.read_json(path, Score) for path in build.files("scores/{model}/{benchmark}.json", **names))
    return {(score.model, score.benchmark): score for score in found}


def costs(one: Build, other: Build) -> Iterator[str]:
    """The answers of each model that a build rests on, in tokens and in money at the prices of its own config."""
    spent = [answered(build) for build in (one, other)]
    for model in dict.fromkeys([*spent[0], *spent[1]]):
        told = [
            f"{tokens:,} tokens, ${cost.usd:,.2f}" for tokens, cost in (each.get(model, (0, NOTHING)) for each in spent)
        ]
        if told[0] != told[1]:
            yield f"{model}: {told[0]} -> {told[1]}"
    totals = [sum((cost for _, cost in each.values()), NOTHING) for each in spent]
    yield f"in all: ${totals[0].usd:,.2f} -> ${totals[1].usd:,.2f}"


def answered(build: Build) -> dict[str, tuple[int, Cost]]:
    """Model -> tokens of its answers and prompts in this build, and their cost."""
    estimates = msgspec.convert(spending.estimates(build.project), Estimates)
    tokens: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for name in inventory.inventory(build.project)["traces"]:
        path = build.path(name)
        if ("/traces/raw/" in name or "/rewrites/" in name) and path.exists():
            for trace in records.read(path, Trace):
                for part, count in enumerate((trace.prompt_tokens, trace.completion_tokens, 1)):
                    tokens[trace.model][part] += count
    return {
        model: (prompt + completion, estimates.asking(model, prompt, completion, (prompt + completion) / count))
        for model, (prompt, completion, count) in tokens.items()
        if model in estimates.models and prompt + completion
    }


def makings(one: Build, other: Build) -> Iterator[str]:
    """What differs of code, packages and machines, where both builds have a manifest."""
    manifests = [build.results / NAME for build in (one, other)]
    if missing := [str(path) for path in manifests if not path.exists()]:
        yield f"unknown: there is no {' and no '.join(missing)}"
        return
    before, after = (records.read_json(path, Manifest) for path in manifests)
    changed = [
        name for name in before.programs | after.programs if before.programs.get(name) != after.programs.get(name)
    ]
    if changed:
        yield f"code behind {', '.join(sorted(changed))}"
    for name in before.environments.keys() | after.environments.keys():
        here, there = (set(manifest.environments.get(name, ())) for manifest in (before, after))
        if here != there:
            gone, come = (", ".join(sorted(some)) or "none" for some in (here - there, there - here))
            yield f"packages of {name}: {gone} -> {come}"
    yield from settings(before.machine, after.machine, "machine")
    yield from settings({name: 0 for name in before.graders}, {name: 0 for name in after.graders}, "graders")


SECTIONS = {
    "Config": lambda one, other: settings(one.run.config, other.run.config),
    "Rows of the mixtures": rows,
    "Verdicts": verdicts,
    "Scores": scores,
    "Answers paid for": costs,
    "Made with": makings,
}


def describe(parser: argparse.ArgumentParser) -> None:
    """The arguments of `skymake diff`."""
    parser.add_argument("a", metavar="RESULTS_A", help="results folder of a build, such as results/nano")
    parser.add_argument("b", metavar="RESULTS_B", help="results folder of another one, or of another state of it")
    parser.epilog = "Differences are told from A to B. Scores are paired on the problems that both builds asked."


def run(arguments: argparse.Namespace) -> int:
    """`skymake diff`: print every section."""
    one, other = Build(arguments.a), Build(arguments.b)
    print(f"A  {one.results}\nB  {other.results}")
    for title, section in SECTIONS.items():
        print(f"\n{title}", *(list(section(one, other)) or ["no difference"]), sep="\n  ")
    return 0
