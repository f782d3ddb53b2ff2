"""A short form of the tables in docs/verdict.md, and the intervals that the report's is held to."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from benchmarks.verdict_simulations import coverage, errors
from benchmarks.verdict_simulations.methods import (
    METHODS,
    bca_bootstrap,
    order_statistics,
    sign_flips,
    signed_ranks,
)
from benchmarks.verdict_simulations.outcomes import POPULATIONS
from benchmarks.verdict_simulations.power import decided_by_more_seeds, power


@pytest.mark.parametrize("name", coverage.POPULATIONS)
@pytest.mark.parametrize("seeds", [8, 20])
def test_the_interval_covers_the_median_as_often_as_it_says(name: str, seeds: int) -> None:
    population = coverage.POPULATIONS[name]
    samples = coverage.log_ratios(population, np.random.default_rng(5), (600, seeds))
    share, _ = coverage.covered(order_statistics, samples, coverage.true_median(population))
    # 95 % give or take three standard errors of 0.9 %
    assert 0.92 <= share <= 0.98


@pytest.mark.parametrize("seeds", [7, 8])
def test_the_bootstrap_without_resamples_is_the_limit_of_many(seeds: int) -> None:
    sample = np.random.default_rng(seeds).exponential(size=seeds)
    drawn = bootstrap((sample,), np.median, n_resamples=60_000, method="BCa", rng=0)
    assert bca_bootstrap(sample[np.newaxis])[0] == pytest.approx(drawn.confidence_interval)


def test_inverted_tests_by_hand() -> None:
    six = np.array([[1.0, 2, 4, 8, 16, 32]])
    # p = 2/64 beyond the sample, 4/64 at its ends
    assert sign_flips(six)[0] == pytest.approx([1, 32], abs=1e-5)
    # P(W <= 0) = 1/64 and P(W <= 1) = 2/64 > 0.025: the lowest average of two and the highest
    assert signed_ranks(six).tolist() == [[1, 32]]
    eight = np.arange(8.0)[np.newaxis]
    # P(W <= 3) = 5/256 and P(W <= 4) = 7/256: the fourth of 0, 0.5, 1, 1, 1.5 ...
    assert signed_ranks(eight).tolist() == [[1, 6]]
    assert sign_flips(np.array([[1.0, 2, 3, math.inf, math.inf, 5]]))[0, 1] == math.inf


@pytest.mark.parametrize("method", METHODS)
def test_no_test_rejects_with_five_values_and_so_none_bounds_them(method: str) -> None:
    bounded = np.isfinite(METHODS[method](np.arange(5.0)[np.newaxis])).all()
    assert bounded == (method == "BCa bootstrap")


@pytest.mark.parametrize("name", POPULATIONS)
def test_a_winner_is_rare_where_there_is_no_difference(name: str) -> None:
    winner, _ = errors.false_verdicts(POPULATIONS[name], 300, contenders=2, seeds=8)
    # three standard errors of 1.3 % above 5 %
    assert winner <= 0.088


def test_six_contenders_have_no_winner_by_chance_and_rarely_beat_the_baseline() -> None:
    winner, beyond = errors.false_verdicts(POPULATIONS["log-normal"], 200, contenders=6, seeds=10)
    assert winner <= 0.02
    assert 0 < beyond <= 0.07


def test_a_target_that_follows_from_the_runs_favours_nobody() -> None:
    winner, _ = errors.shares(errors.relative_verdicts(200, contenders=2, seeds=8))
    assert winner <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_the_better_one_is_found_the_more_often_the_more_seeds_there_are() -> None:
    found = [power(100, contenders=3, seeds=seeds, faster=0.2, spread=0.1) for seeds in (5, 8, 20)]
    assert found[0] == 0
    assert found == sorted(found)
    assert found[-1] > 0.95


def test_the_seeds_that_a_report_asks_for_mostly_decide() -> None:
    told, decided = decided_by_more_seeds(150, contenders=2, seeds=8, faster=0.2, spread=0.2)
    assert told > 0.3
    assert decided > 0.7
