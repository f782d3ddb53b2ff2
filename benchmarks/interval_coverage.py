"""How often 95 % intervals of a median cover it: order statistics, BCa bootstrap, signed ranks.

Run ``python -m benchmarks.interval_coverage [--samples 1000]``. The table decides which interval
the report uses (``service/domain/scoring/intervals.py``).
"""

import argparse
import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import bootstrap

from service.domain.scoring.intervals import median_interval

Interval = tuple[float, float]
Draw = Callable[[np.random.Generator, int], np.ndarray]

POPULATIONS: dict[str, tuple[Draw, float]] = {
    "normal": (lambda rng, size: rng.normal(size=size), 0.0),
    "t, 3 degrees": (lambda rng, size: rng.standard_t(3, size=size), 0.0),
    "lognormal 0.5": (lambda rng, size: np.exp(0.5 * rng.normal(size=size)), 1.0),
    "exponential": (lambda rng, size: rng.exponential(size=size), math.log(2)),
}
SIZES = (6, 8, 10, 16, 40)


def order_statistics(sample: np.ndarray) -> Interval:
    """The report's interval."""
    bounds = median_interval(sample.tolist())
    return bounds.low, bounds.high


def bca_bootstrap(sample: np.ndarray) -> Interval:
    """Bias-corrected and accelerated bootstrap of the median."""
    found = bootstrap((sample,), np.median, n_resamples=1500, method="BCa", rng=0)
    return found.confidence_interval.low, found.confidence_interval.high


def signed_ranks(sample: np.ndarray) -> Interval:
    """The signed-rank test turned round: ranked averages of all pairs of values."""
    count = len(sample)
    averages = np.sort([(a + b) / 2 for i, a in enumerate(sample) for b in sample[i:]])
    ways = np.zeros(len(averages) + 1)
    ways[0] = 1
    for rank in range(1, count + 1):
        ways[rank:] += ways[:-rank].copy()
    outside = int(np.searchsorted(np.cumsum(ways) / 2**count, 0.025, side="right"))
    return averages[outside - 1], averages[-outside]


METHODS = (order_statistics, bca_bootstrap, signed_ranks)


def coverage(
    method: Callable[[np.ndarray], Interval], samples: Sequence[np.ndarray], median: float
) -> tuple[float, float]:
    """The share of samples whose interval holds the median, and the intervals' median width."""
    intervals = np.array([method(sample) for sample in samples])
    held = (intervals[:, 0] <= median) & (median <= intervals[:, 1])
    return float(held.mean()), float(np.median(intervals[:, 1] - intervals[:, 0]))


def main() -> None:
    """Print the table: coverage, and width in brackets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    count = parser.parse_args().samples
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    rng = np.random.default_rng(0)
    names = "".join(f"{method.__name__:>22}" for method in METHODS)
    print(f"{'seeds':>5}  {'population':<14}{names}")
    for size in SIZES:
        for name, (draw, median) in POPULATIONS.items():
            samples = [draw(rng, size) for _ in range(count)]
            cells = (coverage(method, samples, median) for method in METHODS)
            row = "".join(f"{f'{held:.3f} ({width:.2f})':>22}" for held, width in cells)
            print(f"{size:>5}  {name:<14}{row}", flush=True)


if __name__ == "__main__":
    main()
