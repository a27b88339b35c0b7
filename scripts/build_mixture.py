"""Rule build_mixture: the training set of a recipe, with the origin of every row."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from skymake import UserError, judged, mixtures, prompts, records, rule
from skymake.mixtures import Dropped, Provenance, Row
from skymake.records import Problem, Trace


def build_mixture(
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    benchmarks: list[str],
    prompt: list[str],
    system: str,
    train: str,
    info: str,
    provenance: str,
    dropped: str,
    card: str,
    sets: list[str],
    recipe: str,
) -> None:
    """Write the verified traces of all sets as training rows, each question once, none of them a benchmark's, and
    beside them the verified traces that are no row, with the reason.

    traces, verdicts: reformatted, in the same order. prompt: the prompt file of each of `sets`, in that order.
    Raises UserError when no row is left, or when verdicts and traces are not of one another.
    """
    prompt_of, counts = dict(zip(sets, prompt, strict=True)), defaultdict(Counter)
    asked = {problem.id: problem for problem in records.read_all(problems, Problem)}
    held_out = {mixtures.normal(problem.question): problem.id for problem in records.read_all(benchmarks, Problem)}
    left_out: list[Dropped] = []
    kept = sorted(choose(asked, traces, verdicts, held_out, counts, left_out), key=lambda trace: place(trace.key))
    if not kept:
        raise UserError(f"recipe {recipe}: no trace survived: {dict(counts)}")
    mixtures.write(train, info, (row(asked[trace.problem], trace, prompt_of, system) for trace in kept))
    records.write(provenance, (origin(number, asked[trace.problem], trace) for number, trace in enumerate(kept)))
    records.write(dropped, left_out)
    Path(card).write_text(describe(recipe, counts))


def choose(
    asked: dict[str, Problem],
    traces: list[str],
    verdicts: list[str],
    held_out: dict[str, str],
    counts: dict[str, Counter],
    left_out: list[Dropped],
) -> Iterator[Trace]:
    """The traces to train on.

    held_out: question -> the benchmark's problem that asks it. Filled meanwhile are `counts`, set -> what became of its
    traces, and `left_out`, the verified ones that are not trained on.
    """
    owner: dict[str, str] = {}
    for trace, verdict in judged.read(traces, verdicts):
        problem = asked[trace.problem]
        question = mixtures.normal(problem.question)
        if verdict.status != "correct":
            counts[problem.set]["lost its answer by reformatting"] += 1
            continue
        if question in held_out:
            fate, by = mixtures.HELD_OUT, held_out[question]
        elif (by := owner.setdefault(question, trace.problem)) != trace.problem:
            fate = mixtures.REPEATED
        else:
            fate = "kept"
            yield trace
        counts[problem.set][fate] += 1
        if fate != "kept":
            left_out.append(Dropped(trace.key, trace.problem, trace.sample, fate, by))


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
