"""Rule score_model: one model's result on one benchmark, from its verdicts."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from skymake import UserError, records, rule, statistics
from skymake.decontamination import Summary
from skymake.records import STATUSES, Failure, Problem, Trace, Verdict
from skymake.statistics import Group, Score

PERCENTILES = (5, 25, 50, 75, 95)


def score_model(
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    failures: list[str],
    contamination: list[str],
    score: str,
    model: str,
    benchmark: str,
    sampling: dict,
) -> None:
    """Write the score of `model` on `benchmark` from all shards of its problems, traces, verdicts and failures.

    contamination: what find_contamination compared the training sets of the model with; none for a model of others.
    """
    asked = list(records.read_all(problems, Problem))
    judged = list(records.read_all(verdicts, Verdict))
    failed = list(records.read_all(failures, Failure))
    outcomes = tabulate(asked, [*judged, *failed], sampling["samples"])
    statuses = Counter(verdict.status for verdict in judged)
    result = Score(
        model=model,
        benchmark=benchmark,
        problems=len(outcomes),
        samples=sampling["samples"],
        accuracy=statistics.accuracy(outcomes),
        pass_at=pass_at(outcomes, sampling["samples"]),
        statuses={status: statuses[status] for status in STATUSES},
        failures=dict(Counter(failure.kind for failure in failed)),
        completion_tokens=summarise([trace.completion_tokens for trace in records.read_all(traces, Trace)]),
        groups=group(asked, outcomes),
        outcomes=outcomes,
        decontaminated=is_decontaminated(benchmark, contamination),
        sampling=sampling,
        graders=sorted({verdict.grader for verdict in judged}),
    )
    records.write_json(score, result)


def is_decontaminated(benchmark: str, contamination: list[str]) -> bool | None:
    """Whether every training set of a model was compared with the benchmark; None where there is none to compare."""
    summaries = [records.read_json(path, Summary) for path in contamination]
    return all(benchmark in summary.benchmarks for summary in summaries) if summaries else None


def tabulate(problems: Iterable[Problem], entries: Iterable[Verdict | Failure], samples: int) -> dict[str, list[int]]:
    """Problem id -> 0 or 1 for each of its `samples`; a failed request is a 0.

    Raises UserError for a sample that is missing, appears twice or was not asked for: a mean over whatever happens to
    be there would be a wrong number without a warning.
    """
    answers: dict[str, dict[int, int]] = {problem.id: {} for problem in problems}
    if not answers:
        raise UserError("a benchmark without problems has no score")
    for entry in entries:
        if entry.problem not in answers:
            raise UserError(f"{entry.problem}: answered, but not a problem of the benchmark")
        if not 0 <= entry.sample < samples:
            raise UserError(f"{entry.problem}: sample {entry.sample} is more than the {samples} asked for")
        if entry.sample in answers[entry.problem]:
            raise UserError(f"{entry.problem}: sample {entry.sample} appears twice")
        answers[entry.problem][entry.sample] = int(isinstance(entry, Verdict) and entry.status == "correct")
    for problem, row in answers.items():
        for sample in range(samples):
            if sample not in row:
                raise UserError(f"{problem}: sample {sample} has neither a verdict nor a failed request")
    return {problem: [row[sample] for sample in range(samples)] for problem, row in answers.items()}


def pass_at(outcomes: dict[str, list[int]], samples: int) -> dict[str, float]:
    """k -> mean pass@k over the problems, for the powers of two up to `samples`, and `samples` itself."""
    powers = {2**power for power in range(samples.bit_length())} | {samples}
    return {
        str(k): float(np.mean([statistics.pass_at(k, samples, sum(row)) for row in outcomes.values()]))
        for k in sorted(powers)
    }


def group(problems: Iterable[Problem], outcomes: dict[str, list[int]]) -> list[Group]:
    """Accuracy per domain, subject, and whole step of difficulty, where there is more than one."""
    groups = []
    properties = {"domain": lambda problem: problem.domain, "subject": lambda problem: problem.subject or "none"}
    for property, value_of in (properties | {"difficulty": step}).items():
        members: dict[str | float, dict[str, list[int]]] = defaultdict(dict)
        for problem in problems:
            members[value_of(problem)][problem.id] = outcomes[problem.id]
        if len(members) > 1:
            groups += [
                Group(property, "unrated" if value == math.inf else str(value), len(part), statistics.accuracy(part))
                for value, part in sorted(members.items())
            ]
    return groups


def step(problem: Problem) -> float:
    """The difficulty of a problem as a whole number; infinite when unrated, so that it sorts last."""
    return math.inf if problem.difficulty is None else round(problem.difficulty)


def summarise(tokens: list[int]) -> dict[str, float]:
    """Mean and percentiles of the answers' lengths; empty where every request failed."""
    if not tokens:
        return {}
    return {"mean": float(np.mean(tokens))} | {f"p{p}": float(np.percentile(tokens, p)) for p in PERCENTILES}


if __name__ == "__main__":
    rule.run(score_model, snakemake)
