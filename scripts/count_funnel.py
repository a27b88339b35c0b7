"""Rule count_funnel: what became of the problems of a recipe, in one small file, whatever the size of the traces."""

import msgspec
import numpy as np

from skymake import judged, records, rule
from skymake.funnel import Funnel, Tally
from skymake.mixtures import Dropped
from skymake.records import Failure, Problem, Rejection, Trace

BINS = 24


class Drops(msgspec.Struct):
    """What is needed here of a set's drops.json."""

    set: str
    rows: int
    dropped: dict[str, dict]


class Kept(msgspec.Struct):
    """What is needed here of a training row's provenance."""

    problem: str
    sample: int


def count_funnel(
    drops: list[str],
    problems: list[str],
    traces: list[str],
    failures: list[str],
    verdicts: list[str],
    filtered: list[str],
    reformatted: list[str],
    rejections: list[str],
    reformatted_verdicts: list[str],
    provenance: str,
    dropped: str,
    funnel: str,
    recipe: str,
    private: list[str],
) -> None:
    """Write the counts of every stage of `recipe`, with examples of what was rejected.

    The lists hold the files of all shards of all sets of the recipe, verdicts in the order of their traces. `private`
    names the sets whose texts must not be shown.
    """
    tallies = tally_problems(problems, drops)
    owner = {problem: tally for tally in tallies.values() for problem in tally.problems}
    kept = {(row.problem, row.sample) for row in records.read(provenance, Kept)}
    chosen = set()
    for trace in records.read_all(filtered, Trace):
        chosen.add((trace.problem, trace.sample))
        owner[trace.problem].counts["filtered"] += 1
    for trace, verdict in judged.read(traces, verdicts):
        owner[trace.problem].add_raw(trace, verdict, (trace.problem, trace.sample) in chosen)
    for failure in records.read_all(failures, Failure):
        owner[failure.problem].lost["traces"][failure.kind] += 1
    for trace, verdict in judged.read(reformatted, reformatted_verdicts):
        owner[trace.problem].add_reformatted(trace, verdict, (trace.problem, trace.sample) in kept)
    for rejection in records.read_all(rejections, Rejection):
        owner[rejection.problem].lost["reformatted"][rejection.reason] += 1
    for trace in records.read(dropped, Dropped):
        owner[trace.problem].lost["kept"][trace.reason] += 1
    longest = max((count for tally in tallies.values() for part in tally.tokens.values() for count in part), default=1)
    edges = np.linspace(0, longest, BINS + 1)
    sets = [tally.summary(name, edges, name in private) for name, tally in tallies.items()]
    records.write_json(funnel, Funnel(recipe=recipe, token_edges=edges.tolist(), sets=sets))


def tally_problems(problems: list[str], drops: list[str]) -> dict[str, Tally]:
    """Set -> its tally, with the problems and the published rows that made none."""
    tallies: dict[str, Tally] = {}
    for problem in records.read_all(problems, Problem):
        tallies.setdefault(problem.set, Tally(problem.domain)).add_problem(problem)
    for entry in (records.read_json(path, Drops) for path in drops):
        tallies[entry.set].rows = entry.rows
        tallies[entry.set].lost["problems"].update({reason: count["rows"] for reason, count in entry.dropped.items()})
    return tallies


if __name__ == "__main__":
    rule.run(count_funnel, snakemake)
