"""Everything found on one problem, from which its sentence and its warnings are written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from service.contracts.catalogue import Catalogue
from service.contracts.metrics import Metric
from service.contracts.report import ContenderReport, Target, TimeTo
from service.contracts.spec import ComparisonSpec, Outcome
from service.domain.scoring.pairs import Pair
from service.domain.scoring.verdict import Verdict, pair_of


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What scoring found on one problem."""

    spec: ComparisonSpec
    problem: str
    metric: Metric
    """The loss that decides."""
    titles: Mapping[str, str]
    """What each contender is called in sentences."""
    contenders: Mapping[str, ContenderReport]
    """All contenders in the order of the spec."""
    out: tuple[str, ...]
    """Those of whose search nothing ended well, through their own doing."""
    cancelled: tuple[str, ...]
    """Those that a person cancelled."""
    target: Target
    outcomes: Mapping[str, Mapping[int, float]]
    """The figure that decides, by contender and seed; infinite where the run missed it."""
    pairs: tuple[Pair, ...]
    """The pairs among those that take part."""
    verdict: Verdict
    leader: str | None
    """Who is ahead, as far as it was seen; None before anyone has a figure."""
    more_seeds: int | None
    complete: bool
    stopped: str
    """How the comparison ended before its runs had: ``was cancelled``, ``failed``; else empty."""
    ended_trials: int
    all_trials: int
    """Trials of the search and of the finals, those to come included."""

    @property
    def outcome(self) -> Outcome:
        """The figure that decides."""
        return self.spec.verdict.outcome

    @property
    def baseline(self) -> str:
        """The contender that others are measured against."""
        return self.spec.baseline_label

    @property
    def active(self) -> tuple[str, ...]:
        """The contenders that take part: neither out nor cancelled."""
        left = {*self.out, *self.cancelled}
        return tuple(name for name in self.contenders if name not in left)

    def pair(self, one: str, other: str) -> Pair | None:
        """The pair of two contenders, whichever comes first."""
        return pair_of(self.pairs, one, other)

    def title(self, name: str) -> str:
        """What a contender is called in sentences."""
        return self.titles[name]

    def counted_runs(self, name: str) -> int:
        """How many of the contender's finals count: finished, diverged or failed through it."""
        return self.contenders[name].training_seconds.runs

    def time_to(self, name: str) -> TimeTo:
        """The contender's time, epochs or steps to the target."""
        return _time_to(self.contenders[name], self.outcome)


def titles(spec: ComparisonSpec, catalogue: Catalogue) -> dict[str, str]:
    """The contenders' own names, or their optimizers' titles where they have none."""
    named: dict[str, str] = {}
    for contender in spec.contenders:
        entry = catalogue.optimizer(contender.optimizer)
        named[contender.label] = contender.name or (entry.title if entry else contender.optimizer)
    return named


def leader_of(
    contenders: Sequence[ContenderReport], pairs: Sequence[Pair], outcome: Outcome
) -> str | None:
    """Who is ahead of most others, seed by seed; among equals the one with the best medians.

    A median over all seeds may favour one contender where the paired ratios favour another; the
    verdict rests on the pairs, so they come first.
    """

    def rank(report: ContenderReport) -> tuple[float, float, float]:
        time = None if outcome is Outcome.FINAL_LOSS else _time_to(report, outcome).median
        loss = report.final_loss.median
        return (
            -sum(pair.ahead == report.name for pair in pairs),
            math.inf if time is None else time,
            math.inf if loss is None else loss,
        )

    measured = [
        report
        for report in contenders
        if report.final_loss.median is not None or any(pair.ahead == report.name for pair in pairs)
    ]
    return min(measured, key=rank).name if measured else None


def _time_to(report: ContenderReport, outcome: Outcome) -> TimeTo:
    match outcome:
        case Outcome.EPOCHS:
            return report.epochs
        case Outcome.STEPS:
            return report.steps
        case Outcome.TRAINING_SECONDS | Outcome.FINAL_LOSS:
            return report.training_seconds
        case _:
            assert_never(outcome)
