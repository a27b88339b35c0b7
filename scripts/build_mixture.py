"""Rule build_mixture: the training set of a recipe, with the origin of every row."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from skymake import UserError, judged, mixtures, prompts, records, rule, selection
from skymake.decontamination import Hit
from skymake.mixtures import Provenance, Row
from skymake.records import Problem, ProgramCheck, Trace, Verdict


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
    prompt_of = dict(zip(sets, prompt, strict=True))
    asked = {problem.id: without_tests(problem) for problem in records.read_all(problems, Problem)}
    found = {hit.problem: hit for hit in records.read(hits, Hit)}
    places: dict[tuple[str, str, int], tuple[str, int]] = {}
    kept, fates = selection.select(asked, without_texts(traces, verdicts, places), found, limits)
    if not kept:
        raise UserError(f"recipe {recipe}: no trace survived: {dict(fates.counts)}")
    whole = (records.read_at(*places[identity(trace)], Trace) for trace in kept)
    mixtures.write(train, info, (row(asked[trace.problem], trace, prompt_of, system) for trace in whole))
    records.write(provenance, (origin(number, asked[trace.problem], trace) for number, trace in enumerate(kept)))
    records.write(dropped, fates.left_out)
    Path(card).write_text(describe(recipe, fates.counts))


def without_texts(
    traces: list[str], verdicts: list[str], places: dict[tuple[str, str, int], tuple[str, int]]
) -> Iterator[tuple[Trace, Verdict]]:
    """Traces without their texts, which memory may not hold, and verdicts. Filled meanwhile: where each trace lies."""
    for (trace, verdict), place in zip(judged.read(traces, verdicts), records.places(traces), strict=True):
        places[identity(trace)] = place
        yield msgspec.structs.replace(trace, text=""), verdict


def without_tests(problem: Problem) -> Problem:
    """The problem without the tests of a program, which may be megabytes."""
    if not isinstance(problem.check, ProgramCheck):
        return problem
    return msgspec.structs.replace(problem, check=msgspec.structs.replace(problem.check, tests=[]))


def identity(trace: Trace) -> tuple[str, str, int]:
    """What tells a trace from all others."""
    return trace.key, trace.problem, trace.sample


def row(problem: Problem, trace: Trace, prompt_of: dict[str, str], system: str) -> Row:
    """The training row of a trace: asked as its model was asked."""
    said = prompts.render(system, problem) if system else ""
    return mixtures.row(said, prompts.render(prompt_of[problem.set], problem), trace.text)


def origin(number: int, problem: Problem, trace: Trace) -> Provenance:
    """Where a training row comes from."""
    return Provenance(number, problem.set, trace.problem, trace.sample, trace.key, trace.model)


def describe(recipe: str, counts: dict[str, Counter]) -> str:
    """The card of a mixture: what became of the traces of each set."""
    lines = [f"# Mixture of the recipe {recipe}", "", "| set | fate of a verified trace | traces |", "|---|---|---:|"]
    lines += [f"| {name} | {fate} | {n} |" for name, fates in counts.items() for fate, n in fates.most_common()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    rule.run(build_mixture, snakemake)
