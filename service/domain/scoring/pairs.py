"""Two contenders over the same seeds: paired log-ratios and what they show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from service.contracts.spec import Outcome
from service.domain.planning import SIGNIFICANCE
from service.domain.scoring.holm import holm
from service.domain.scoring.intervals import Bounds, median_interval
from service.domain.scoring.permutation import sign_flip_ps
from service.domain.scoring.runs import Run

INDIFFERENCE = math.log(1.02)
"""Differences within 2 % count as none."""

_LARGEST = 700.0


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What the seeds say of two contenders; log-ratios below 0 speak for the first."""

    first: str
    second: str
    log_ratios: tuple[float, ...]
    """log(first / second), one a seed; infinite where one of the two missed the target."""
    bounds: Bounds | None
    """Their median with its interval; None without a common seed."""
    censored: int
    """Seeds of which at least one run missed the target."""
    stand_ins: int
    """Seeds of which a loss was negative, so that no ratio exists."""
    p_value: float
    corrected_p: float
    baseline_corrected_p: float | None

    @property
    def ahead(self) -> str | None:
        """The one that the median log-ratio speaks for, however unsure."""
        if self.bounds is None or self.bounds.median == 0:
            return None
        return self.first if self.bounds.median < 0 else self.second

    @property
    def better(self) -> str | None:
        """The one shown to be better by more than 2 %, corrected over all pairs."""
        return self._favoured() if self.corrected_p < SIGNIFICANCE else None

    @property
    def better_than_baseline(self) -> str | None:
        """As ``better``, corrected over the pairs with the baseline alone."""
        p = self.baseline_corrected_p
        return self._favoured() if p is not None and p < SIGNIFICANCE else None

    def log_ratio_of(self, contender: str) -> Bounds | None:
        """The bounds with this contender as the numerator."""
        if self.bounds is None or contender == self.first:
            return self.bounds
        return Bounds(-self.bounds.median, low=-self.bounds.high, high=-self.bounds.low)

    def _favoured(self) -> str | None:
        if self.bounds is None:
            return None
        if self.bounds.high < -INDIFFERENCE:
            return self.first
        return self.second if self.bounds.low > INDIFFERENCE else None


def log_ratio(first: float, second: float) -> float:
    """log(first / second), 0 where they are equal, both infinite included.

    Infinite where one value is infinite or zero. Where a loss is negative no ratio exists; the
    symmetric relative difference 2 (a - b) / (|a| + |b|), equal to the log-ratio up to third
    order, takes its place.
    """
    if first == second:
        return 0.0
    if math.isinf(first) or math.isinf(second):
        return math.copysign(math.inf, first - second)
    if first < 0 or second < 0:
        return 2 * (first - second) / (abs(first) + abs(second))
    if first == 0 or second == 0:
        return math.copysign(math.inf, first - second)
    return math.log(first) - math.log(second)


def ratio(log_ratio: float) -> float | None:
    """The ratio behind a log-ratio; None where it is infinite or beyond a float."""
    return math.exp(log_ratio) if abs(log_ratio) < _LARGEST else None


def compare(
    runs: Mapping[str, Sequence[Run]],
    outcome: Outcome,
    *,
    target: float | None,
    baseline: str,
    seed: int,
) -> tuple[Pair, ...]:
    """Every pair of contenders, tested and corrected by Holm.

    A pair without a common seed keeps its place with p = 1, so that nobody wins over somebody
    who did not run.

    Args:
        runs: The runs that count, by contender.
        outcome: The figure that decides.
        target: The loss that counts as reached.
        baseline: The contender that others are measured against.
        seed: Of the permutation test.
    """
    figures = {
        name: {run.seed: run.outcome(outcome, target) for run in runs[name]} for name in runs
    }
    drafts = [
        _measured(first, second, figures[first], figures[second])
        for first, second in combinations(figures, 2)
    ]
    p_values = sign_flip_ps([draft.log_ratios for draft in drafts], seed=seed)
    corrected = holm(p_values)
    with_baseline = [
        index for index, draft in enumerate(drafts) if baseline in (draft.first, draft.second)
    ]
    over_baseline = dict(
        zip(with_baseline, holm([p_values[index] for index in with_baseline]), strict=True)
    )
    return tuple(
        replace(
            draft,
            p_value=p_values[index],
            corrected_p=corrected[index],
            baseline_corrected_p=over_baseline.get(index),
        )
        for index, draft in enumerate(drafts)
    )


def _measured(
    first: str, second: str, figures: Mapping[int, float], others: Mapping[int, float]
) -> Pair:
    """The pair before any test."""
    seeds = [name for name in figures if name in others]
    ratios = tuple(log_ratio(figures[name], others[name]) for name in seeds)
    return Pair(
        first=first,
        second=second,
        log_ratios=ratios,
        bounds=median_interval(ratios) if ratios else None,
        censored=sum(math.isinf(figures[name]) or math.isinf(others[name]) for name in seeds),
        stand_ins=sum(figures[name] < 0 or others[name] < 0 for name in seeds),
        p_value=1.0,
        corrected_p=1.0,
        baseline_corrected_p=None,
    )
