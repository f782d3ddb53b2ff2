"""The sign-flip test and Holm's correction."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, wilcoxon

from service.domain.scoring.holm import holm
from service.domain.scoring.permutation import (
    EXACT_UP_TO,
    MONTE_CARLO_PATTERNS,
    scores,
    sign_flip_p,
    sign_flip_ps,
)

DIFFERENCES = st.lists(st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=2, max_size=9)
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def brute_force(differences: list[float]) -> float:
    observed = abs(math.fsum(differences))
    patterns = list(itertools.product((1, -1), repeat=len(differences)))
    sums = (
        abs(math.fsum(s * d for s, d in zip(pattern, differences, strict=True)))
        for pattern in patterns
    )
    return sum(total >= observed - 1e-9 for total in sums) / len(patterns)


def test_three_differences_by_hand() -> None:
    # |1 + 2 + 4| = 7; of the 8 patterns only +++ and --- reach 7
    assert sign_flip_p([1, 2, 4], seed=0) == 2 / 8
    # |1 + 2 - 4| = 1; every sum of +-1 +-2 +-4 is at least 1 in size
    assert sign_flip_p([1, 2, -4], seed=0) == 1.0
    # |-1 + 2 + 4| = 5; 7, 5, -5, -7 are at least as far out
    assert sign_flip_p([-1, 2, 4], seed=0) == 4 / 8


@given(DIFFERENCES)
def test_it_equals_the_count_over_all_patterns(differences: list[float]) -> None:
    if len(set(differences)) > 1:
        assert sign_flip_p(differences, seed=0) == pytest.approx(brute_force(differences))


def test_it_equals_scipys_permutation_test() -> None:
    differences = np.random.default_rng(2).normal(0.5, 1, 8)
    expected = permutation_test(
        (differences,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(differences.tolist(), seed=0) == pytest.approx(expected)


@given(DIFFERENCES)
def test_exchanging_the_two_contenders_changes_nothing(differences: list[float]) -> None:
    turned = [-value for value in differences]
    assert sign_flip_p(turned, seed=0) == pytest.approx(sign_flip_p(differences, seed=0))


@pytest.mark.parametrize("seeds", [2, 3, 6, 7, 8, 12, 20, 30])
def test_the_smallest_p_is_two_to_the_one_minus_s(seeds: int) -> None:
    assert sign_flip_p([1.0 + n for n in range(seeds)], seed=0) == 2.0 ** (1 - seeds)


@pytest.mark.parametrize("differences", [[], [3.0], [0.0] * 8, [0.7] * 8, [math.inf]])
def test_without_variation_there_is_no_evidence(differences: list[float]) -> None:
    assert sign_flip_p(differences, seed=0) == 1.0


@pytest.mark.parametrize("seeds", [13, 17])
def test_more_seeds_than_patterns_can_be_listed_for_have_an_exact_p_too(seeds: int) -> None:
    differences = np.random.default_rng(3).normal(0.4, 1, seeds)
    signs = 1 - 2 * ((np.arange(2**seeds)[:, np.newaxis] >> np.arange(seeds)) & 1)
    expected = np.mean(np.abs(signs @ differences) >= differences.sum() - 1e-9)
    assert sign_flip_p(differences.tolist(), seed=0) == expected


def test_above_thirty_seeds_random_patterns_come_near_the_exact_p() -> None:
    differences = np.random.default_rng(4).normal(0.6, 1, EXACT_UP_TO).tolist()
    exact = sign_flip_p(differences, seed=1)
    drawn = sign_flip_p([*differences, 0.0], seed=1)  # a tie has no sign to turn
    assert 0.001 < exact < 0.2
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=5 * math.sqrt(exact / 50_000))
    assert drawn == sign_flip_p([*differences, 0.0], seed=1)
    assert sign_flip_p([1.0 + n for n in range(40)], seed=1) == 1 / 50_000


def test_samples_of_a_size_share_their_patterns_and_keep_their_own_p(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(5)
    sizes = (40, 12, 31, 40, 31, 40)
    samples = [generator.normal(0.3, 1, size).round(2).tolist() for size in sizes]
    samples[3][7] = -math.inf
    alone = tuple(sign_flip_p(differences, seed=2) for differences in samples)
    begun = []

    def counted(seed: int) -> np.random.Generator:
        begun.append(seed)
        return np.random.Generator(np.random.PCG64(seed))

    monkeypatch.setattr(np.random, "default_rng", counted)
    assert sign_flip_ps(samples, seed=2) == alone
    assert begun == [2, 2]  # one for each size beyond thirty


def test_random_patterns_are_those_of_the_seed_counted_one_by_one() -> None:
    generator, differences = np.random.default_rng(2), np.arange(-9, 23) / 4
    signs = 2 * generator.integers(0, 2, (MONTE_CARLO_PATTERNS, 32), dtype=np.int8) - 1
    reached = sum(abs(sum(signs[:, at] * differences[at] for at in range(32))) >= differences.sum())
    assert sign_flip_p(differences.tolist(), seed=2) == (reached + 1) / (MONTE_CARLO_PATTERNS + 1)


def test_missed_targets_enter_by_rank() -> None:
    missed = [-math.inf, -3.0, 0.0, -math.inf, 2.0]
    # sizes 2 < 3 < infinity, which is shared by two: ranks 1, 2 and (3 + 4) / 2
    assert scores(missed).tolist() == [-3.5, -2.0, 0.0, -3.5, 1.0]
    finite = [-9.0, -3.0, -8.0, 2.0]
    with_rank = [-math.inf, -3.0, -8.0, 2.0]
    assert sign_flip_p(with_rank, seed=0) == pytest.approx(wilcoxon(finite, method="exact").pvalue)


def test_a_contender_that_alone_misses_every_target_has_lost() -> None:
    assert sign_flip_p([-math.inf] * 8, seed=0) == 2 / 256


def test_ties_of_two_missed_targets_say_nothing() -> None:
    six = [-math.inf] * 6
    assert sign_flip_p([*six, 0.0, 0.0], seed=0) == sign_flip_p(six, seed=0) == 2 / 64


def test_holm_by_hand() -> None:
    # sorted 0.01, 0.02, 0.03, 0.5 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.5
    assert holm([0.5, 0.02, 0.01, 0.03]) == pytest.approx((0.5, 0.06, 0.04, 0.06))
    assert holm([]) == ()


@given(P_VALUES)
def test_holm_keeps_the_order_and_never_lowers_a_p(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for one, other in itertools.combinations(range(len(p_values)), 2):
        if p_values[one] < p_values[other]:
            assert corrected[one] <= corrected[other]
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected, strict=True))
    assert min(corrected) <= len(p_values) * min(p_values)


@given(P_VALUES)
def test_holm_rejects_what_its_steps_reject(p_values: list[float]) -> None:
    rejected = set()
    for step, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] * (len(p_values) - step) >= 0.05:
            break
        rejected.add(index)
    assert {index for index, p in enumerate(holm(p_values)) if p < 0.05} == rejected
