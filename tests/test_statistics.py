"""Intervals cover the truth as often as they say, and every estimate agrees with a slower way to the same number."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skymake import statistics
from skymake.statistics import Estimate

BENCHMARKS = 2_000


@pytest.fixture
def few_resamples(monkeypatch):
    """A simulation of thousands of benchmarks needs fewer resamples for each."""
    monkeypatch.setattr(statistics, "RESAMPLES", 1_000)


def simulate(rng: np.random.Generator, problems: int) -> tuple[float, np.ndarray]:
    """A population of problems, drawn anew for every benchmark: its true accuracy, and the chance to solve each."""
    truth, spread = rng.uniform(0.1, 0.9), rng.uniform(1, 4)
    return truth, rng.beta(spread * truth, spread * (1 - truth), size=problems)


@pytest.mark.slow
@pytest.mark.parametrize("problems", [30, 500])
@pytest.mark.parametrize("samples", [1, 4, 8])
def test_intervals_contain_the_truth_as_often_as_they_say(problems, samples, few_resamples):
    rng = np.random.default_rng(samples)
    hits = 0
    for _ in range(BENCHMARKS):
        truth, chances = simulate(rng, problems)
        solved = rng.binomial(samples, chances) / samples
        estimate = statistics.wilson(solved.mean(), problems) if samples == 1 else statistics.bootstrap(solved)
        hits += estimate.low <= truth <= estimate.high
    assert 0.93 <= hits / BENCHMARKS <= 0.97


@pytest.mark.parametrize("samples", [1, 4])
def test_equal_models_are_told_apart_no_more_often_than_the_level_allows(samples, few_resamples):
    rng, pairs, alarms = np.random.default_rng(7), 500, 0
    for _ in range(pairs):
        _, chances = simulate(rng, 60)
        ours, theirs = (rng.random((60, samples)) < chances[:, None] for _ in range(2))
        alarms += not statistics.difference(named(ours), named(theirs)).within_noise
    assert alarms / pairs <= 0.06


def named(solved: np.ndarray) -> dict[str, list[int]]:
    return {f"p{number}": row.astype(int).tolist() for number, row in enumerate(solved)}


@given(trials=st.integers(1, 600), data=st.data())
def test_wilson_agrees_with_scipy(trials, data):
    successes = data.draw(st.integers(0, trials))
    ours = statistics.wilson(successes / trials, trials)
    theirs = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=1e-12)
    assert 0 <= ours.low <= ours.value <= ours.high <= 1


def test_bootstrap_agrees_with_scipy_where_n_is_large():
    values = np.random.default_rng(3).integers(0, 5, 400) / 4
    ours = statistics.bootstrap(values)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(4))
    assert ours.value == pytest.approx(values.mean())
    assert ours.stderr == pytest.approx(stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.004)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_problems_do_not_make_certainty(value):
    estimate = statistics.bootstrap([value] * 30)
    assert estimate.value == value and estimate.high - estimate.low >= 0.11
    assert 0 <= estimate.low <= value <= estimate.high <= 1


def test_an_estimate_is_the_same_every_time():
    values = [0.25, 0.5, 1.0, 0.0, 0.75]
    assert statistics.bootstrap(values) == statistics.bootstrap(list(reversed(values)))


def test_the_number_of_samples_chooses_the_interval():
    assert statistics.accuracy({"a": [1], "b": [0]}).method == "wilson"
    assert statistics.accuracy({"a": [1, 0], "b": [0, 0]}) == statistics.bootstrap([0.5, 0.0])


@pytest.mark.parametrize("samples", range(1, 8))
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_answer(samples):
    for correct, k in itertools.product(range(samples + 1), range(1, samples + 1)):
        subsets = list(itertools.combinations([1] * correct + [0] * (samples - correct), k))
        assert statistics.pass_at(k, samples, correct) == pytest.approx(np.mean([any(s) for s in subsets]))


@pytest.mark.parametrize("k", [0, 5])
def test_pass_at_k_refuses_more_samples_than_there_are(k):
    with pytest.raises(ValueError, match=f"pass@{k} needs"):
        statistics.pass_at(k, samples=4, correct=2)


def test_more_samples_do_not_move_pass_at_one():
    assert {statistics.pass_at(1, samples, samples // 4) for samples in (4, 8, 16, 32)} == {0.25}


@given(st.lists(st.integers(-1, 1), max_size=60))
def test_sign_flip_of_single_samples_is_mcnemars_exact_test(differences):
    better, worse = differences.count(1), differences.count(-1)
    expected = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert statistics.sign_flip(differences) == pytest.approx(expected)


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_sign_flip_counts_all_ways_to_toss_the_signs(differences):
    sums = [sum(s * d for s, d in zip(signs, differences, strict=True)) for signs in all_signs(len(differences))]
    assert statistics.sign_flip(differences) == pytest.approx(np.mean(np.abs(sums) >= abs(sum(differences))))


def all_signs(count: int):
    return itertools.product((-1, 1), repeat=count)


def test_a_paired_difference_sees_what_two_intervals_hide():
    """20 of 200 problems gained and none lost: the intervals of the two models overlap, the difference is clear."""
    baseline = {f"p{i}": [int(i < 100)] for i in range(200)}
    ours = {f"p{i}": [int(i < 120)] for i in range(200)}
    assert statistics.accuracy(ours).low < statistics.accuracy(baseline).high
    difference = statistics.difference(ours, baseline)
    assert difference.estimate.value == pytest.approx(0.1)
    assert difference.p_value == pytest.approx(2 / 2**20)
    assert not difference.within_noise


def test_five_wins_and_no_loss_are_within_noise():
    """The bootstrap alone would call it a difference; the exact test says one in sixteen."""
    baseline = {f"p{i}": [0] for i in range(30)}
    difference = statistics.difference({f"p{i}": [int(i < 5)] for i in range(30)}, baseline)
    assert difference.estimate.excludes_zero and difference.p_value == 0.0625 and difference.within_noise


def test_models_that_answered_different_problems_cannot_be_paired():
    with pytest.raises(ValueError, match="2 problems were answered by one"):
        statistics.difference({"a": [1], "b": [0]}, {"a": [1], "c": [0]})


def test_the_difference_of_wilson_intervals_is_newcombes():
    """Newcombe, Statistics in Medicine 17 (1998), table II, contrast a, method 10: 56/70 against 48/80."""
    difference = statistics.combine([statistics.wilson(56 / 70, 70), statistics.wilson(48 / 80, 80)], [1, -1])
    assert (difference.low, difference.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_the_mean_of_benchmarks_is_tighter_than_each():
    parts = [Estimate(0.5, 0.05, 0.4, 0.6, "wilson"), Estimate(0.7, 0.05, 0.6, 0.8, "wilson")]
    mean = statistics.combine(parts, [0.5, 0.5])
    assert mean.value == pytest.approx(0.6)
    assert (mean.low, mean.high) == pytest.approx((0.6 - 0.1 / 2**0.5, 0.6 + 0.1 / 2**0.5))
