"""Accuracy with its uncertainty: intervals of one model, differences between two, pass@k, and the record of a score.

Everything is a fraction between 0 and 1; intervals are two-sided 95 % and speak of the population that the problems
of a benchmark are a sample of. Samples of one problem are not independent, so problems are the unit of resampling.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from skymake.records import Record

CONFIDENCE = 0.95
RESAMPLES = 10_000
SEED = 20_250_110

SHARES = {
    "wrong": ["wrong"],
    "no_answer": ["no_answer"],
    "truncated": ["truncated"],
    "program_error": ["compile_error", "runtime_error", "time_limit", "memory_limit", "output_limit"],
    "grader_trouble": ["unchecked", "not_gradable", "grader_failure"],
    "no_reply": [],
}
"""How the samples that are not correct are told apart in tables; `no_reply` is a failed request, not a verdict."""

Outcomes = Mapping[str, Sequence[int]]
"""Problem id -> one 0 or 1 a sample."""


class Estimate(Record, frozen=True):
    """A number with its standard error and 95 % interval. `method` says how the interval was made."""

    value: float
    stderr: float
    low: float
    high: float
    method: str

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


class Difference(Record, frozen=True):
    """How much better one model is than another; p_value is None where no exact test applies."""

    estimate: Estimate
    p_value: float | None

    @property
    def within_noise(self) -> bool:
        """True unless the interval leaves out zero and the exact test, where there is one, agrees."""
        return not self.estimate.excludes_zero or (self.p_value is not None and self.p_value >= 1 - CONFIDENCE)


class Group(Record):
    """Accuracy on the problems that share a property, such as domain `math` or difficulty `4`."""

    property: str
    value: str
    problems: int
    accuracy: Estimate


class Score(Record):
    """A model's result on one benchmark.

    samples: answers asked for per problem (k).
    accuracy: mean over the samples of a problem, then over problems; whatever is not `correct` counts against the
    model, a request without an answer too.
    pass_at: k -> pass@k, unbiased.
    statuses: every status -> how many samples; failures: kind of failed request -> how many; together they are all
    samples of all problems.
    completion_tokens: `mean` and percentiles `p5` to `p95` of the answers.
    outcomes: problem id -> 0 or 1 a sample, what a paired comparison needs.
    decontaminated: whether the model's training sets were compared with the benchmark; None where they are not ours.
    graders: name and version of every grader that had a part in it.
    """

    model: str
    benchmark: str
    problems: int
    samples: int
    accuracy: Estimate
    pass_at: dict[str, float]
    statuses: dict[str, int]
    failures: dict[str, int]
    completion_tokens: dict[str, float]
    groups: list[Group]
    outcomes: dict[str, list[int]]
    decontaminated: bool | None
    sampling: dict
    graders: list[str]


def shares(score: Score) -> dict[str, float]:
    """Share of all samples in each of SHARES; with the accuracy they add up to 1."""
    total = score.problems * score.samples
    counts = {name: sum(score.statuses[status] for status in statuses) for name, statuses in SHARES.items()}
    counts["no_reply"] = sum(score.failures.values())
    return {name: count / total for name, count in counts.items()}


def wilson(share: float, trials: int) -> Estimate:
    """The Wilson score interval of a share of independent trials. `share` need not be a whole number of trials."""
    if not (0 <= share <= 1 and trials >= 1):
        raise ValueError(f"a share lies between 0 and 1 and has at least one trial, not {share} of {trials}")
    z2 = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    stderr = math.sqrt(share * (1 - share) / trials)
    # At 0 and 1 the interval touches the share exactly; rounding must not leave it outside.
    return Estimate(share, stderr, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), "wilson")


def bootstrap(values: Sequence[float], bounds: tuple[float, float] = (0, 1)) -> Estimate:
    """The mean of one value a problem, each within `bounds`, with the bootstrap interval over problems.

    A resample of n problems is a multinomial draw over the distinct values, which is the same distribution and much
    faster. The percentiles are widened for small n (Hesterberg, The American Statistician 69, 2015: `expanded
    percentile`), since the plain bootstrap is as narrow as a z interval with the biased variance.
    Where all values are equal there is nothing to resample: the share of problems that would have differed is at most
    the upper Wilson limit of 0 in n, and each may differ by as much as one.
    """
    distinct, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    n = int(counts.sum())
    mean = float(distinct @ counts) / n
    if len(distinct) == 1:
        unseen = wilson(0, n).high
        return Estimate(mean, 0.0, max(bounds[0], mean - unseen), min(bounds[1], mean + unseen), "bootstrap")
    draws = np.random.default_rng(SEED).multinomial(n, counts / n, size=RESAMPLES) @ distinct / n
    tail = stats.norm.cdf(math.sqrt(n / (n - 1)) * stats.t.ppf((1 - CONFIDENCE) / 2, n - 1))
    low, high = np.quantile(draws, [tail, 1 - tail])
    stderr = math.sqrt(float(counts @ (distinct - mean) ** 2) / (n - 1) / n)
    return Estimate(mean, stderr, float(low), float(high), "bootstrap")


def accuracy(outcomes: Outcomes) -> Estimate:
    """Mean over samples, then problems: Wilson for one sample a problem, else the bootstrap over problems."""
    means = [sum(samples) / len(samples) for samples in outcomes.values()]
    if all(len(samples) == 1 for samples in outcomes.values()):
        return wilson(sum(means) / len(means), len(means))
    return bootstrap(means)


def pass_at(k: int, samples: int, correct: int) -> float:
    """The probability that at least one of k answers drawn from `samples` is among the `correct` ones (unbiased)."""
    if not 1 <= k <= samples:
        raise ValueError(f"pass@{k} needs at least {k} samples a problem; there are {samples}")
    return 1 - math.comb(samples - correct, k) / math.comb(samples, k)


def combine(estimates: Sequence[Estimate], weights: Sequence[float]) -> Estimate:
    """The weighted sum of independent estimates, with the interval recovered from theirs.

    The distances from estimate to limit add like standard errors (MOVER: Zou and Donner, Statistics in Medicine 27,
    2008); for the difference of two Wilson intervals this is Newcombe's method.
    """
    value = sum(w * e.value for e, w in zip(estimates, weights, strict=True))
    below = [w * e.value - min(w * e.low, w * e.high) for e, w in zip(estimates, weights, strict=True)]
    above = [max(w * e.low, w * e.high) - w * e.value for e, w in zip(estimates, weights, strict=True)]
    stderr = math.hypot(*(w * e.stderr for e, w in zip(estimates, weights, strict=True)))
    return Estimate(value, stderr, value - math.hypot(*below), value + math.hypot(*above), "combined")


def difference(ours: Outcomes, baseline: Outcomes) -> Difference:
    """How much better `ours` is, problem by problem. Raises ValueError unless both have answered the same problems."""
    if ours.keys() != baseline.keys():
        raise ValueError(f"{len(ours.keys() ^ baseline.keys())} problems were answered by one of the two models only")
    pairs = [(ours[problem], baseline[problem]) for problem in sorted(ours)]
    values = [sum(a) / len(a) - sum(b) / len(b) for a, b in pairs]
    return Difference(
        estimate=bootstrap(values, bounds=(-1, 1)),
        p_value=sign_flip([sum(a) * len(b) - sum(b) * len(a) for a, b in pairs]),
    )


def sign_flip(differences: Sequence[int]) -> float:
    """The exact two-sided p-value of a sum of paired differences, if the sign of each were a coin's toss.

    With one sample a problem the differences are -1, 0 and 1, and this is McNemar's exact test; with several it is the
    same idea with weights. The distribution of the sum is built up difference by difference.
    """
    sizes = [abs(d) for d in differences if d]
    chance = np.ones(1)  # chance[t]: the probability that the positive differences add up to t
    for size in sizes:
        chance = (np.pad(chance, (0, size)) + np.pad(chance, (size, 0))) / 2
    sums = 2 * np.arange(len(chance)) - sum(sizes)
    return min(1.0, float(chance[np.abs(sums) >= abs(sum(differences))].sum()))
