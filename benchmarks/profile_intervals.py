"""How often the interval of a profile's score covers the true one.

``python -m benchmarks.profile_intervals`` prints the table of docs/verdict.md: simulated suites of
three and of ten problems and of two and of six contenders, whose true median outcomes differ by a
log-normal factor or not at all, with paired log-normal seeds. Beside the interval that reports
have stands the plain one from percentile to percentile.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from service.domain.scoring.profiles import (
    Floats,
    interval,
    medians,
    ratios,
    resampled_scores,
    scores,
)

SIMULATIONS = 400
RESAMPLES = 1_000
COMMON = 0.5
"""Share of a log outcome's variance that the contenders have in common on a seed."""


@dataclass(frozen=True)
class Coverage:
    """Shares of the scores that were covered."""

    both_sides: float
    """By the interval that reports have."""
    percentiles: float
    """By the one from percentile to percentile."""
    width: float
    """Of the interval that reports have, in the mean."""


def coverage(
    *,
    seeds: int,
    differences: float,
    noise: float,
    problems: int = 10,
    contenders: int = 6,
    simulations: int = SIMULATIONS,
    resamples: int = RESAMPLES,
) -> Coverage:
    """Simulate suites and count.

    Args:
        seeds: Of each problem.
        differences: Standard deviation of the log of the true medians on a problem.
        noise: Standard deviation of the log of an outcome between seeds.
        problems: Of a suite.
        contenders: Of a suite.
        simulations: How many suites.
        resamples: Of the seeds of each suite.
    """
    generator = np.random.default_rng(20)
    found = []
    for simulation in range(simulations):
        truth = np.exp(generator.normal(0, differences, (problems, contenders)))
        outcomes = [row * _spread(generator, (seeds, contenders), noise) for row in truth]
        seen = scores(ratios(np.stack([medians(values) for values in outcomes])))
        drawn = resampled_scores(outcomes, seed=simulation, resamples=resamples)
        found += list(_covered(scores(ratios(truth)), seen, drawn))
    both_sides, percentiles, width = np.mean(found, axis=0)
    return Coverage(float(both_sides), float(percentiles), float(width))


def _spread(generator: np.random.Generator, shape: tuple[int, int], noise: float) -> Floats:
    """Factors with median 1, paired: a part of each seed's luck is every contender's."""
    shared = generator.normal(0, noise, (shape[0], 1))
    own = generator.normal(0, noise, shape)
    return np.exp(COMMON**0.5 * shared + (1 - COMMON) ** 0.5 * own)


def _covered(true: Floats, seen: Floats, drawn: Floats) -> Iterator[tuple[bool, bool, float]]:
    plain = np.quantile(drawn, (0.025, 0.975), axis=0)
    for index, value in enumerate(true):
        low, high = interval(float(seen[index]), drawn[:, index])
        yield low <= value <= high, plain[0, index] <= value <= plain[1, index], high - low


def main() -> None:
    """Print the table."""
    sys.stdout.write(
        "| problems | contenders | differ by | noise | seeds | both sides | percentiles | width |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    grid = product((3, 10), (2, 6), (0.0, 0.1, 0.5), (0.05, 0.2), (8, 20))
    for problems, contenders, differences, noise, seeds in grid:
        one = coverage(
            seeds=seeds,
            differences=differences,
            noise=noise,
            problems=problems,
            contenders=contenders,
        )
        sys.stdout.write(
            f"| {problems} | {contenders} | {differences:.0%} | {noise:.0%} | {seeds} | "
            f"{one.both_sides:.1%} | {one.percentiles:.1%} | {one.width:.3f} |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
