"""The 95 % interval of a median, by interpolated order statistics.

Hettmansperger and Sheather, Statistics and Probability Letters 4 (1986): between the interval
from the k-th lowest to the k-th highest value, which covers the median with probability
1 - 2 P(Bin(n, 1/2) < k), and the next narrower one, interpolated to 95 %. But for that last step
it assumes no distribution, needs order alone (so runs that missed the target take part as
infinite), and is the same on every machine.

``python -m benchmarks.verdict_simulations --only coverage`` prints how often it covers the
median, beside the BCa bootstrap, the inverted sign-flip test and signed ranks; docs/adr/0008 has
the table and the choice.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from scipy.stats import binom

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Bounds:
    """A median with its interval; a side without a bound is infinite."""

    median: float
    low: float
    high: float


def median_interval(values: Sequence[float]) -> Bounds:
    """The median of a sample with its 95 % interval.

    Fewer than six values have no such interval: both sides are unbounded. Several finite values
    that are all the same give that value as the interval.

    Args:
        values: At least one value; infinite ones count by their order.
    """
    ordered = sorted(values)
    median = _median(ordered)
    if len(ordered) > 1 and ordered[0] == ordered[-1] and math.isfinite(median):
        return Bounds(median, median, median)
    place = _place(len(ordered))
    if place is None:
        return Bounds(median, -math.inf, math.inf)
    rank, share = place
    return Bounds(
        median,
        low=_between(ordered[rank - 1], ordered[rank], share),
        high=_between(ordered[-rank], ordered[-rank - 1], share),
    )


@lru_cache(maxsize=256)
def _place(count: int) -> tuple[int, float] | None:
    """The outer rank k (from 1) and the share of the way to rank k + 1; None below 6 values."""
    if _coverage(count, 1) < CONFIDENCE:
        return None
    rank = 1
    while _coverage(count, rank + 1) >= CONFIDENCE:
        rank += 1
    outer, inner = _coverage(count, rank), _coverage(count, rank + 1)
    surplus = (outer - CONFIDENCE) / (outer - inner)
    return rank, (count - rank) * surplus / (rank + (count - 2 * rank) * surplus)


def _coverage(count: int, rank: int) -> float:
    return 1 - 2 * float(binom.cdf(rank - 1, count, 0.5))


def _between(outer: float, inner: float, share: float) -> float:
    """The value at a share of the way inwards; the outer one where either is infinite."""
    if math.isinf(outer) or math.isinf(inner):
        return outer
    return outer + share * (inner - outer)


def _median(ordered: Sequence[float]) -> float:
    """The middle value; halfway between minus and plus infinity is taken as 0."""
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower == upper:
        return lower
    return 0.0 if math.isinf(lower) and math.isinf(upper) else (lower + upper) / 2
