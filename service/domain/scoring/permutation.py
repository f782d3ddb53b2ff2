"""The two-sided sign-flip permutation test of paired differences."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

EXACT_UP_TO = 30
"""With this many pairs or fewer all sign patterns count."""
MONTE_CARLO_PATTERNS = 49_999
_CHUNK = 5_000
_TIE = 1e-12
_ROUNDING = 1e-9


def sign_flip_p(differences: Sequence[float], *, seed: int) -> float:
    """The probability of differences at least as far from zero if signs were a coin's.

    Under the null hypothesis each difference is as likely to have either sign. The statistic is
    the absolute sum of the scores, over all 2^S patterns of signs up to S = 30, and over the
    observed one and 49,999 seeded random ones above. Several differences that are all the same
    give 1: the seeds then carried no variation that evidence could rest on.

    Args:
        differences: Paired log-ratios; infinite ones enter by rank.
        seed: Of the random patterns.
    """
    (p_value,) = sign_flip_ps([differences], seed=seed)
    return p_value


def sign_flip_ps(samples: Sequence[Sequence[float]], *, seed: int) -> tuple[float, ...]:
    """What ``sign_flip_p`` gives each sample; samples of a size share their random patterns.

    Args:
        samples: Paired log-ratios, a row for each pair of contenders.
        seed: Of the random patterns.
    """
    p_values = [1.0] * len(samples)
    weights = [scores(differences) for differences in samples]
    thresholds = list(map(_threshold, samples, weights))
    beyond: dict[int, list[int]] = defaultdict(list)
    for index, (own, threshold) in enumerate(zip(weights, thresholds, strict=True)):
        if threshold <= 0:
            continue
        if len(own) <= EXACT_UP_TO:
            p_values[index] = _of_all(own, threshold)
        else:
            beyond[len(own)].append(index)
    for alike in beyond.values():
        rows = np.stack([weights[index] for index in alike])
        drawn = _of_some(rows, np.array([thresholds[index] for index in alike]), seed)
        for index, p_value in zip(alike, drawn, strict=True):
            p_values[index] = float(p_value)
    return tuple(p_values)


def _threshold(differences: Sequence[float], weights: np.ndarray) -> float:
    """From what size on a sum is as far out as the observed one; 0 where every sum is."""
    if not differences or identical(differences):
        return 0.0
    # Sums that differ by rounding alone are equal.
    return abs(float(weights.sum())) - _TIE * float(np.abs(weights).sum())


def identical(differences: Sequence[float]) -> bool:
    """Whether the differences are one and the same number, but for rounding."""
    lowest, highest = min(differences), max(differences)
    return (
        math.isfinite(lowest)
        and math.isfinite(highest)
        and highest - lowest <= _ROUNDING * max(abs(lowest), abs(highest))
    )


def scores(differences: Sequence[float]) -> np.ndarray:
    """The differences themselves, or their signed ranks where one is infinite; shape (S,).

    A pair of which one run missed the target has a known sign and a size beyond all measured
    ones: it gets the highest rank, shared by all such pairs. A pair of which both missed is a
    tie, 0.
    """
    values = np.asarray(differences, dtype=np.float64)
    if np.all(np.isfinite(values)):
        return values
    ranks = np.zeros_like(values)
    moved = values != 0
    ranks[moved] = rankdata(np.abs(values[moved]))
    return ranks * np.sign(values)


def _of_all(weights: np.ndarray, threshold: float) -> float:
    """The share of all 2^S patterns whose sum is at least the threshold in size.

    A sum is one of the first half of the scores and one of the second: 2^(S/2) look-ups in sorted
    sums count 2^S patterns. By symmetry as many sums lie below minus the threshold as above it.
    """
    half = len(weights) // 2
    first, second = _signed_sums(weights[:half]), np.sort(_signed_sums(weights[half:]))
    below = np.searchsorted(second, threshold - first)
    return 2 * int((len(second) - below).sum()) / 2.0 ** len(weights)


def _signed_sums(weights: np.ndarray) -> np.ndarray:
    """The sums of the scores under all patterns of signs; shape (2^count,)."""
    sums = np.zeros(1)
    for weight in weights:
        sums = np.concatenate((sums + weight, sums - weight))
    return sums


def _of_some(weights: np.ndarray, thresholds: np.ndarray, seed: int) -> np.ndarray:
    """For each row the share of random patterns, and of the observed one, that are that far out.

    Args:
        weights: A row of scores for each sample; shape (P, S).
        thresholds: Shape (P,).
        seed: Of the patterns, which are the same however many rows there are.
    """
    generator = np.random.default_rng(seed)
    extreme = np.ones(len(weights), dtype=np.int64)
    for start in range(0, MONTE_CARLO_PATTERNS, _CHUNK):
        rows = min(_CHUNK, MONTE_CARLO_PATTERNS - start)
        signs = generator.integers(0, 2, (rows, weights.shape[1]), dtype=np.int8) * 2 - 1
        sums = signs.astype(np.float64) @ weights.T
        extreme += np.count_nonzero(np.abs(sums, out=sums) >= thresholds, axis=0)
    return extreme / (MONTE_CARLO_PATTERNS + 1)
