"""The runs of the finals, as scoring sees them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.contracts.states import TrialState
from service.domain.results import TrialResult, counts
from service.domain.scoring.targets import reached_at


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the finals that counts."""

    seed: int
    finished: bool
    """False where it diverged or could not run: then it missed every target."""
    points: tuple[MetricPoint, ...]
    metric: Metric
    """The loss that decides."""

    @property
    def final_loss(self) -> float:
        """The loss at the end; infinite where the run did not finish."""
        loss = self.at_end(self.metric)
        return math.inf if loss is None else loss

    @property
    def best_loss(self) -> float:
        """The lowest loss at any evaluation; infinite where the run did not finish."""
        losses = [loss for point in self.points if (loss := point.value(self.metric)) is not None]
        return min(losses, default=math.inf) if self.finished else math.inf

    def at_end(self, metric: Metric) -> float | None:
        """A metric at the end, if it was measured; the worst one where the run did not finish."""
        if not self.finished:
            return -math.inf if metric.is_accuracy else math.inf
        return self.points[-1].value(metric) if self.points else None

    def outcome(self, outcome: Outcome, target: float | None) -> float:
        """The figure that decides, lower being better; infinite where the run missed it."""
        if outcome is Outcome.FINAL_LOSS:
            return self.final_loss
        if not self.finished or target is None:
            return math.inf
        return reached_at(self.points, target, axis=outcome, metric=self.metric)


def counted_runs(trials: Sequence[TrialResult], metric: Metric) -> tuple[Run, ...]:
    """The trials that count: finished, diverged, or failed through the contender itself.

    Args:
        trials: Of the finals.
        metric: The loss that decides.
    """
    return tuple(
        Run(
            seed=trial.seed,
            finished=trial.state is TrialState.FINISHED,
            points=tuple(sorted(trial.points, key=lambda point: point.epoch)),
            metric=metric,
        )
        for trial in trials
        if counts(trial)
    )
