"""When a run reached the target, and what the target is."""

import math
import statistics
from collections.abc import Iterable, Sequence

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome

MARGIN = 0.05
"""A relative target lies this share above the worst median best loss."""


def reached_at(
    points: Sequence[MetricPoint], target: float, *, axis: Outcome, metric: Metric
) -> float:
    """Training seconds, epochs or steps until the loss is at or below the target.

    Interpolated linearly between the evaluation before and the one that reached it.

    Returns:
        The value on the axis; infinity where the run missed the target within its budget.
    """
    before: tuple[float, float | None] = (0.0, None)
    for point in points:
        at, loss = position(point, axis), point.value(metric)
        if loss is not None and loss <= target:
            start, higher = before
            if higher is None:
                return at
            return start + (higher - target) / (higher - loss) * (at - start)
        before = (at, loss)
    return math.inf


def position(point: MetricPoint, axis: Outcome) -> float:
    """Where an evaluation lies on the axis of an outcome."""
    match axis:
        case Outcome.TRAINING_SECONDS:
            return point.training_seconds
        case Outcome.EPOCHS:
            return float(point.epoch)
        case Outcome.STEPS:
            return float(point.step)
        case Outcome.FINAL_LOSS:
            raise ValueError("a final loss is no axis on which a target is reached")


def relative_target(best_losses: Iterable[Sequence[float]]) -> float | None:
    """The worst median best loss of the contenders, plus 5 % of its size.

    Args:
        best_losses: For each contender the lowest loss of each run that counts; infinite where
            it did not finish. Who has no finite median, because half or more diverged, is left
            out.

    Returns:
        The target, or None where nobody has one.
    """
    medians = [statistics.median(losses) for losses in best_losses if losses]
    finite = [median for median in medians if math.isfinite(median)]
    return moved(max(finite), MARGIN) if finite else None


def moved(target: float, share: float) -> float:
    """The target made easier (share > 0) or harder by a share of its size, whatever its sign."""
    return target + share * abs(target)
