"""Four 95 % intervals of a median log-ratio: the report's own, and those it was chosen over.

Each takes samples of shape (simulations, n), a row a sample, and returns bounds of shape
(simulations, 2); infinite where the method has no bound.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import binom, norm

from service.domain.scoring.intervals import CONFIDENCE, median_interval
from service.domain.scoring.permutation import sign_flip_p

TAIL = (1 - CONFIDENCE) / 2
_HALVINGS = 25

Method = Callable[[np.ndarray], np.ndarray]


def order_statistics(samples: np.ndarray) -> np.ndarray:
    """The report's interval; of the median."""
    found = [median_interval(sample) for sample in samples.tolist()]
    return np.array([(bounds.low, bounds.high) for bounds in found])


def bca_bootstrap(samples: np.ndarray) -> np.ndarray:
    """Bias-corrected and accelerated bootstrap of the median; of the median.

    A bootstrap sample's median is one of the values, or halfway between two, each with a known
    probability, so nothing is drawn: these are the bounds that more and more resamples tend to.
    """
    ordered = np.sort(samples, axis=1)
    low, high, chances = _medians_of_resamples(ordered.shape[1])
    medians = (ordered[:, low] + ordered[:, high]) / 2
    estimate = np.median(ordered, axis=1)[:, np.newaxis]
    below = np.where(medians < estimate, chances, 0).sum(axis=1)
    up_to = np.where(medians <= estimate, chances, 0).sum(axis=1)
    bias = norm.ppf((below + up_to) / 2)
    acceleration = _acceleration(ordered)
    places = np.argsort(medians, axis=1, kind="stable")
    reached = np.cumsum(chances[places], axis=1)
    bounds = []
    for tail in (TAIL, 1 - TAIL):
        moved = bias + norm.ppf(tail)
        share = norm.cdf(bias + moved / (1 - acceleration * moved))
        first = (reached < share[:, np.newaxis] - 1e-12).sum(axis=1).clip(max=len(chances) - 1)
        rows = np.arange(len(samples))
        bounds.append(medians[rows, places[rows, first]])
    return np.stack(bounds, axis=1)


def sign_flips(samples: np.ndarray) -> np.ndarray:
    """The report's test turned round: the shifts it does not reject; of the centre of symmetry."""
    bounds = signed_ranks(samples)  # what the test is where a value is infinite
    if 2.0 ** (1 - samples.shape[1]) > 1 - CONFIDENCE:
        return bounds  # nothing is ever rejected
    for row in np.flatnonzero(np.isfinite(samples).all(axis=1)):
        low, middle, high = samples[row].min(), samples[row].mean(), samples[row].max()
        bounds[row] = [_edge(samples[row], middle, end) for end in (low, high)]
    return bounds


def signed_ranks(samples: np.ndarray) -> np.ndarray:
    """The signed-rank test turned round, by averages of all pairs; of the centre of symmetry."""
    first, second = np.triu_indices(samples.shape[1])
    averages = np.sort((samples[:, first] + samples[:, second]) / 2, axis=1)
    ways = np.zeros(averages.shape[1] + 1)
    ways[0] = 1
    for rank in range(1, samples.shape[1] + 1):
        ways[rank:] += ways[:-rank].copy()
    outside = int(np.searchsorted(np.cumsum(ways) / ways.sum(), TAIL, side="right"))
    if not outside:
        return np.tile([-np.inf, np.inf], (len(samples), 1))
    return averages[:, [outside - 1, -outside]]


METHODS: Mapping[str, Method] = {
    "order statistics": order_statistics,
    "BCa bootstrap": bca_bootstrap,
    "inverted sign flips": sign_flips,
    "signed ranks": signed_ranks,
}


def _edge(sample: np.ndarray, inside: float, outside: float) -> float:
    """Where the test begins to reject between a shift that it accepts and the sample's end."""
    for _ in range(_HALVINGS):
        shift = (inside + outside) / 2
        if sign_flip_p((sample - shift).tolist(), seed=0) > 1 - CONFIDENCE:
            inside = shift
        else:
            outside = shift
    return inside


def _medians_of_resamples(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The two middle ranks (from 0) of resamples of so many values, and how likely each two are.

    At most `i` of n values are below rank i: a resample has its k-th lowest there with the chance
    P(Bin(n, i / n) >= k). Shapes (number of rank pairs,).
    """
    ranks = np.arange(count + 1) / count
    if count % 2:
        chances = np.diff(binom.sf(count // 2, count, ranks))
        return np.arange(count), np.arange(count), chances
    half = count // 2
    low, high = np.triu_indices(count)
    lower = np.diff(ranks**half)
    upper = -np.diff((1 - ranks) ** half)
    chances = math.comb(count, half) * lower[low] * upper[high]
    chances[low == high] = 0
    middle = np.diff(binom.sf(half - 1, count, ranks))
    apart = np.bincount(low, weights=chances, minlength=count)
    chances[low == high] = middle - apart
    return low, high, chances


def _acceleration(ordered: np.ndarray) -> np.ndarray:
    """The jackknife's skewness of the median over 6; 0 where infinite values leave none."""
    left_out = [np.median(np.delete(ordered, i, axis=1), axis=1) for i in range(ordered.shape[1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.mean(left_out, axis=0) - np.stack(left_out)
        skewness = (away**3).sum(axis=0) / (6 * (away**2).sum(axis=0) ** 1.5)
    return np.where(np.isfinite(skewness), skewness, 0.0)
