"""How often the contender that is truly faster is named, and what more seeds do for it."""

from collections import Counter

import numpy as np

from benchmarks.verdict_simulations.outcomes import Population
from benchmarks.verdict_simulations.tables import share, table
from benchmarks.verdict_simulations.verdicts import BASELINE, names, pairs_of, verdict_on
from service.domain.scoring.pairs import Pair
from service.domain.scoring.verdict import decide, more_seeds

CONTENDERS = (2, 4, 6)
SEEDS = (5, 8, 10, 20)
FASTER = (0.1, 0.2, 0.5)
SPREADS = (0.05, 0.1, 0.2)
_MOST = 60
"""Estimates of more seeds beyond so many are not followed up."""


def simulated(
    generator: np.random.Generator, shape: tuple[int, int, int], *, faster: float, spread: float
) -> np.ndarray:
    """Times of which the first contender's are shorter by a share; (simulations, contenders, n)."""
    times = Population().times(generator, shape, spread=spread)
    times[:, 0] *= 1 - faster
    return times


def power(simulations: int, *, contenders: int, seeds: int, faster: float, spread: float) -> float:
    """The share of comparisons in which the first contender, faster by a share, wins."""
    generator = np.random.default_rng(100 * seeds + contenders)
    shape = (simulations, contenders, seeds)
    times = simulated(generator, shape, faster=faster, spread=spread)
    return float(np.mean([verdict_on(one).winner == BASELINE for one in times]))


def power_table(simulations: int) -> str:
    """A line for each difference and spread, a column for each number of contenders and seeds."""
    columns = [(contenders, seeds) for contenders in CONTENDERS for seeds in SEEDS]
    rows = []
    for faster in FASTER:
        for spread in SPREADS:
            cells = (
                power(simulations, contenders=own, seeds=seeds, faster=faster, spread=spread)
                for own, seeds in columns
            )
            rows.append([share(faster, 0), share(spread, 0), *(f"{cell:.2f}" for cell in cells)])
    head = [f"{contenders} contenders, {seeds} seeds" for contenders, seeds in columns]
    return table(["faster by", "spread", *head], rows)


def decided_by_more_seeds(
    simulations: int, *, contenders: int, seeds: int, faster: float, spread: float
) -> tuple[float, float]:
    """Of comparisons without a winner, how many are told of more seeds, and have one with those."""
    generator = np.random.default_rng(seeds)
    shape = (simulations, contenders, seeds + _MOST)
    told, decided, undecided = 0, 0, 0
    for times in simulated(generator, shape, faster=faster, spread=spread):
        pairs = pairs_of(times[:, :seeds])
        if decide(pairs, names(contenders), BASELINE).winner is not None:
            continue
        undecided += 1
        more = more_seeds(pairs, _leader(pairs), names(contenders))
        if more is None or more > _MOST:
            continue
        told += 1
        decided += verdict_on(times[:, : seeds + more]).winner is not None
    return told / max(undecided, 1), decided / max(told, 1)


def _leader(pairs: tuple[Pair, ...]) -> str:
    """Who is ahead of most others, as in reports."""
    return Counter(pair.ahead or BASELINE for pair in pairs).most_common(1)[0][0]


def seeds_table(simulations: int) -> str:
    """What becomes of comparisons that are extended by the seeds that their report asks for."""
    rows = []
    for contenders, seeds in ((2, 8), (4, 8), (4, 10)):
        for spread in (0.2, 0.3):
            told, decided = decided_by_more_seeds(
                simulations, contenders=contenders, seeds=seeds, faster=0.2, spread=spread
            )
            rows.append(
                [str(contenders), str(seeds), share(spread, 0), share(told), share(decided)]
            )
    head = ["contenders", "seeds", "spread", "undecided and told of up to 60", "then decided"]
    return table(head, rows)
