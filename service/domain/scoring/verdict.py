"""Who wins, who beats the baseline, and how many more seeds would decide it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import norm

from service.domain.planning import SIGNIFICANCE, minimum_seeds
from service.domain.scoring.pairs import INDIFFERENCE, Pair

POWER = 0.8
"""How sure a winner is to be named at the seeds that are asked for, were the median the truth."""

MOST_SEEDS = 1000
"""Beyond so many seeds the difference counts as too small to decide."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the pairs of one problem amount to."""

    winner: str | None
    """Better than every other contender, corrected over all pairs."""
    beats_baseline: tuple[str, ...]
    """Better than the baseline, corrected over the pairs with it."""


def decide(pairs: Sequence[Pair], contenders: Sequence[str], baseline: str) -> Verdict:
    """The verdict over the pairs among these contenders.

    Args:
        pairs: Every pair among the contenders.
        contenders: Those who take part, in the order of the spec.
        baseline: The contender that others are measured against.
    """
    wins = [pair.better for pair in pairs]
    rivals = len(contenders) - 1
    winner = next((name for name in contenders if rivals and wins.count(name) == rivals), None)
    over_baseline = {pair.better_than_baseline for pair in pairs} - {None, baseline}
    return Verdict(
        winner=winner,
        beats_baseline=tuple(name for name in contenders if name in over_baseline),
    )


def pair_of(pairs: Sequence[Pair], one: str, other: str) -> Pair | None:
    """The pair of two contenders, whichever comes first."""
    return next((pair for pair in pairs if {pair.first, pair.second} == {one, other}), None)


def more_seeds(pairs: Sequence[Pair], leader: str, contenders: Sequence[str]) -> int | None:
    """About how many more seeds would probably let the leader win, if what was seen goes on.

    The rule: the distance from the median log-ratio to its bound nearest to no difference
    shrinks with the root of the number of seeds. For each pair of the leader that is not
    decided, seeds are needed until that distance, stretched from 95 % to the confidence that
    Bonferroni's correction asks for and to a power of 80 %, fits between the median and the 2 %
    zone; and never fewer than the test's minimum. The largest number over the pairs counts,
    beyond the seeds that the pair has.

    Returns:
        The seeds to add; None where the leader is not ahead by more than 2 % everywhere, where
        missed targets or ratios that never vary leave nothing to extrapolate, or where more than
        1,000 would be needed.
    """
    missing = []
    for pair in pairs:
        if leader not in (pair.first, pair.second) or pair.better == leader:
            continue
        estimate = _seeds_for(pair, leader, len(pairs))
        if estimate is None or estimate > MOST_SEEDS:
            return None
        needed = max(estimate, minimum_seeds(len(contenders)))
        missing.append(max(needed - len(pair.log_ratios), 1))
    return max(missing, default=None)


def _seeds_for(pair: Pair, leader: str, tests: int) -> int | None:
    bounds = pair.log_ratio_of(leader)
    if bounds is None:
        return None
    beyond = -INDIFFERENCE - bounds.median
    if beyond <= 0:
        return None
    reach = bounds.high - bounds.median
    if not math.isfinite(reach):
        too_few = len(pair.log_ratios) < minimum_seeds(2)
        return 0 if too_few else None  # nothing to extrapolate from but the test's minimum
    if reach == 0:
        return None
    sure = norm.ppf(1 - SIGNIFICANCE / (2 * tests)) + norm.ppf(POWER)
    stretch = float(sure / norm.ppf(1 - SIGNIFICANCE / 2))
    return math.ceil(len(pair.log_ratios) * (stretch * reach / beyond) ** 2)
