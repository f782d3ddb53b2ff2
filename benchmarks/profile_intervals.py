"""How often the interval of a profile's score covers the true one.

``python -m benchmarks.profile_intervals`` prints the table of docs/verdict.md: simulated suites of
six contenders whose true median outcomes differ by a log-normal factor or not at all, over paired
log-normal seeds. In brackets stands the plain interval from percentile to percentile.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import norm

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


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What is simulated."""

    words: str = ""
    differences: float
    """Standard deviation of the log of the true medians on a problem."""
    noise: float = 0.2
    """Standard deviation of the log of an outcome between seeds."""
    missing: float = 0.0
    """Share of the last contender's runs that miss the target."""
    contenders: int = 6
    problems: int = 10
    seeds: int = 8


SUITES = (
    Suite(words="all equal on every problem", differences=0),
    Suite(words="differ by 10 %", differences=0.1),
    Suite(words="differ by 50 %", differences=0.5),
    Suite(words="differ by 50 %, little noise", differences=0.5, noise=0.05),
    Suite(words="differ by 50 %, one misses three runs in ten", differences=0.5, missing=0.3),
)


@dataclass(frozen=True)
class Coverage:
    """Shares of the scores that were covered."""

    both_sides: float
    """By the interval that reports have."""
    percentiles: float
    """By the one from percentile to percentile."""


def coverage(
    suite: Suite, *, simulations: int = SIMULATIONS, resamples: int = RESAMPLES
) -> Coverage:
    """Simulate suites and count.

    Args:
        suite: What is simulated.
        simulations: How often.
        resamples: Of the seeds of each suite.
    """
    generator = np.random.default_rng(20)
    found = []
    for simulation in range(simulations):
        shape = (suite.problems, suite.contenders)
        factors = np.exp(generator.normal(0, suite.differences, shape))
        outcomes = [row * _spread(generator, suite) for row in factors]
        seen = scores(ratios(np.stack([medians(values) for values in outcomes])))
        drawn = resampled_scores(outcomes, seed=simulation, resamples=resamples)
        found += list(_covered(scores(ratios(factors * _medians(suite))), seen, drawn))
    both_sides, percentiles = np.mean(found, axis=0)
    return Coverage(float(both_sides), float(percentiles))


def _spread(generator: np.random.Generator, suite: Suite) -> Floats:
    """Factors (seeds, contenders), paired: a part of each seed's luck is every contender's."""
    shared = generator.normal(0, suite.noise, (suite.seeds, 1))
    own = generator.normal(0, suite.noise, (suite.seeds, suite.contenders))
    found = np.exp(COMMON**0.5 * shared + (1 - COMMON) ** 0.5 * own)
    found[generator.random(suite.seeds) < suite.missing, -1] = np.inf
    return found


def _medians(suite: Suite) -> Floats:
    """The true medians of these factors: misses move the last one up."""
    found = np.ones(suite.contenders)
    found[-1] = np.exp(suite.noise * norm.ppf(0.5 / (1 - suite.missing)))
    return found


def _covered(true: Floats, seen: Floats, drawn: Floats) -> Iterator[tuple[bool, bool]]:
    plain = np.quantile(drawn, (0.025, 0.975), axis=0)
    for index, value in enumerate(true):
        low, high = interval(float(seen[index]), drawn[:, index])
        yield low <= value <= high, plain[0, index] <= value <= plain[1, index]


def main() -> None:
    """Print the table."""
    sizes = [(problems, seeds) for problems in (3, 10) for seeds in (8, 20)]
    header = [f"{problems} problems, {seeds} seeds" for problems, seeds in sizes]
    sys.stdout.write(f"| contenders | {' | '.join(header)} |\n| --- |{' --- |' * len(sizes)}\n")
    for suite in SUITES:
        cells = []
        for problems, seeds in sizes:
            one = coverage(replace(suite, problems=problems, seeds=seeds))
            cells.append(f"{100 * one.both_sides:.1f} % ({100 * one.percentiles:.1f} %)")
        sys.stdout.write(f"| {suite.words} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
