"""Score one model on one benchmark from its verdicts."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from skymake import UserError, records, rule, statistics
from skymake.records import STATUSES, Failure, Problem, Trace, Verdict
from skymake.statistics import Group, Score

PERCENTILES = (5, 25, 50, 75, 95)


def tabulate(problems: Iterable[Problem], verdicts: Iterable[Verdict], failures: Iterable[Failure]) -> dict[str, list]:
    """Problem id -> 0 or 1 for each of its samples; a failed request is a 0.

    Raises UserError for an answer to an unknown problem, a sample that appears twice or one that is missing: a mean
    over whatever happens to be there would be a wrong number without a warning.
    """
    answers: dict[str, dict[int, int]] = {problem.id: {} for problem in problems}
    for entry in (*verdicts, *failures):
        if entry.problem not in answers:
            raise UserError(f"{entry.problem}: answered, but not a problem of the benchmark")
        if entry.sample in answers[entry.problem]:
            raise UserError(f"{entry.problem}: sample {entry.sample} appears twice")
        answers[entry.problem][entry.sample] = int(isinstance(entry, Verdict) and entry.status == "correct")
    samples = 1 + max((sample for row in answers.values() for sample in row), default=-1)
    for problem, row in answers.items():
        if missing := sorted(set(range(samples)) - row.keys()) or ([0] if not row else []):
            raise UserError(
                f"{problem}: sample {missing[0]} has neither a verdict nor a failed request; grade it again"
            )
    if not answers:
        raise UserError("a benchmark without problems has no score")
    return {problem: [row[sample] for sample in range(samples)] for problem, row in answers.items()}


def pass_at(outcomes: dict[str, list[int]], samples: int) -> dict[str, float]:
    """k -> mean pass@k over the problems, for the powers of two up to `samples`, and `samples` itself."""
    powers = {2**power for power in range(samples.bit_length())} | {samples}
    return {
        str(k): float(np.mean([statistics.pass_at(k, samples, sum(row)) for row in outcomes.values()]))
        for k in sorted(powers)
    }


def group(problems: Iterable[Problem], outcomes: dict[str, list[int]]) -> list[Group]:
    """Accuracy per domain and per whole step of difficulty, where there is more than one."""
    members: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(dict)
    for problem in problems:
        difficulty = "unrated" if problem.difficulty is None else f"{problem.difficulty:.0f}"
        for key in (("domain", problem.domain), ("difficulty", difficulty)):
            members[key][problem.id] = outcomes[problem.id]
    return [
        Group(property=property, value=value, problems=len(part), accuracy=statistics.accuracy(part))
        for (property, value), part in sorted(members.items())
        if len(part) < len(outcomes)
    ]


def summarise(tokens: list[int]) -> dict[str, float]:
    """Mean and percentiles of the answers' lengths; empty where every request failed."""
    if not tokens:
        return {}
    return {"mean": float(np.mean(tokens))} | {f"p{p}": float(np.percentile(tokens, p)) for p in PERCENTILES}


def score_model(
    problems: list[str],
    traces: list[str],
    verdicts: list[str],
    failures: list[str],
    score: str,
    model: str,
    benchmark: str,
    sampling: dict,
) -> None:
    """Write the score of `model` on `benchmark` from all shards of its problems, traces, verdicts and failures."""
    asked = list(records.read_all(problems, Problem))
    judged = list(records.read_all(verdicts, Verdict))
    failed = list(records.read_all(failures, Failure))
    outcomes = tabulate(asked, judged, failed)
    samples = len(next(iter(outcomes.values())))
    statuses = Counter(verdict.status for verdict in judged)
    tokens = [trace.completion_tokens for trace in records.read_all(traces, Trace)]
    result = Score(
        model=model,
        benchmark=benchmark,
        problems=len(outcomes),
        samples=samples,
        accuracy=statistics.accuracy(outcomes),
        pass_at=pass_at(outcomes, samples),
        statuses={status: statuses[status] for status in STATUSES},
        failures=dict(Counter(failure.kind for failure in failed)),
        completion_tokens={"mean": float(np.mean(tokens))}
        | {f"p{p}": float(np.percentile(tokens, p)) for p in PERCENTILES},
        groups=group(asked, outcomes),
        outcomes=outcomes,
        sampling=sampling,
        graders=sorted({verdict.grader for verdict in judged}),
    )
    records.write_json(score, result)


if __name__ == "__main__":
    rule.run(score_model, snakemake)
