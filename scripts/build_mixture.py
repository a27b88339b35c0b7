"""Rule build_mixture: the training set of a recipe, with the origin of every row."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from skymake import UserError, judged, mixtures, prompts, records, rule
from skymake.decontamination import Hit
from skymake.mixtures import Dropped, Provenance, Row
from skymake.records import Problem, Trace


class Fates:
    """What became of the traces: counts, by set and fate, and the verified ones that are left out."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        self.left_out: list[Dropped] = []

    def leave_out(self, trace: Trace, name: str, reason: str, by: str | None) -> None:
        """A verified trace of the set `name` that is not trained on."""
        self.counts[name][reason] += 1
        self.left_out.append(Dropped(trace.key, trace.problem, trace.sample, reason, by))


def build_mixture(
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    hits: str,
    prompt: list[str],
    system: str,
    train: str,
    info: str,
    provenance: str,
    dropped: str,
    card: str,
    sets: list[str],
    limits: dict[str, int],
    recipe: str,
) -> None:
    """Write the verified traces of all sets as training rows, each question once, none of them a benchmark's, and
    beside them the verified traces that are no row, with the reason.

    traces, verdicts: reformatted, in the same order. hits: what find_contamination says of the problems. prompt: the
    prompt file of each of `sets`, in that order. limits: domain -> at most so many rows, drawn by a hash of their keys.
    Raises UserError when no row is left, or when verdicts and traces are not of one another.
    """
    prompt_of, fates = dict(zip(sets, prompt, strict=True)), Fates()
    asked = {problem.id: problem for problem in records.read_all(problems, Problem)}
    found = {hit.problem: hit for hit in records.read(hits, Hit)}
    verified = sorted(choose(asked, traces, verdicts, found, fates), key=lambda trace: place(trace.key))
    kept = list(limited(verified, asked, limits, fates))
    if not kept:
        raise UserError(f"recipe {recipe}: no trace survived: {dict(fates.counts)}")
    mixtures.write(train, info, (row(asked[trace.problem], trace, prompt_of, system) for trace in kept))
    records.write(provenance, (origin(number, asked[trace.problem], trace) for number, trace in enumerate(kept)))
    records.write(dropped, fates.left_out)
    Path(card).write_text(describe(recipe, fates.counts))


def choose(
    asked: dict[str, Problem], traces: list[str], verdicts: list[str], hits: dict[str, Hit], fates: Fates
) -> Iterator[Trace]:
    """The verified traces of different questions. Of problems that repeat one another, the first that is solved stays.

    hits: problem -> what asks it already.
    """
    owner: dict[str, str] = {}
    for trace, verdict in judged.read(traces, verdicts):
        hit, name = hits.get(trace.problem), asked[trace.problem].set
        if verdict.status not in judged.STANDS:
            fates.counts[name]["not correct when reformatted"] += 1
        elif hit and hit.held_out:
            fates.leave_out(trace, name, mixtures.HELD_OUT, hit.other)
        elif (by := owner.setdefault(hit.other if hit else trace.problem, trace.problem)) != trace.problem:
            fates.leave_out(trace, name, mixtures.REPEATED, by)
        else:
            yield trace


def limited(traces: list[Trace], asked: dict[str, Problem], limits: dict[str, int], fates: Fates) -> Iterator[Trace]:
    """The first traces of each domain, as many as its limit allows."""
    rows: Counter[str] = Counter()
    for trace in traces:
        problem = asked[trace.problem]
        rows[problem.domain] += 1
        if rows[problem.domain] > limits.get(problem.domain, len(traces)):
            fates.leave_out(trace, problem.set, mixtures.LIMITED, None)
        else:
            fates.counts[problem.set]["kept"] += 1
            yield trace


def row(problem: Problem, trace: Trace, prompt_of: dict[str, str], system: str) -> Row:
    """The training row of a trace: asked as its model was asked."""
    said = prompts.render(system, problem) if system else ""
    return mixtures.row(said, prompts.render(prompt_of[problem.set], problem), trace.text)


def origin(number: int, problem: Problem, trace: Trace) -> Provenance:
    """Where a training row comes from."""
    return Provenance(number, problem.set, trace.problem, trace.sample, trace.key, trace.model)


def place(key: str) -> str:
    """Where a trace stands in the mixture: shuffled, and the same whatever other traces come and go."""
    return hashlib.sha256(f"mixture {key}".encode()).hexdigest()


def describe(recipe: str, counts: dict[str, Counter]) -> str:
    """The card of a mixture: what became of the traces of each set."""
    lines = [f"# Mixture of the recipe {recipe}", "", "| set | fate of a verified trace | traces |", "|---|---|---:|"]
    lines += [f"| {name} | {fate} | {n} |" for name, fates in counts.items() for fate, n in fates.most_common()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rule.run(build_mixture, snakemake)
