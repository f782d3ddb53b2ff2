"""What a trial's points say of it: how far it is, its losses, what it has cost."""

from collections.abc import Sequence
from dataclasses import replace

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.domain.records import TrialFigures, TrialRecord


def stored(trial: TrialRecord) -> TrialFigures:
    """The figures that the trial's row has."""
    return TrialFigures(
        last_step=trial.last_step,
        highest_step=trial.highest_step,
        epochs_done=trial.epochs_done,
        best_loss=trial.best_loss,
        final_loss=trial.final_loss,
        training_seconds=trial.training_seconds,
        worker_seconds=trial.worker_seconds,
    )


def following(
    before: TrialFigures, points: Sequence[MetricPoint], *, metric: Metric, costs: bool
) -> TrialFigures:
    """The figures of a trial after more points, in the order in which they were told.

    An earlier point than the last one known changes the best loss alone, and the highest step
    never falls, nor does the cost: one that goes on from a checkpoint tells of less at first.

    Args:
        before: Its figures so far.
        points: What came after them.
        metric: The loss that decides.
        costs: Whether the points tell what it has cost. They do while it runs; its end says more,
            and those from rows say less, which do not keep how its ranks changed.
    """
    losses = [before.best_loss, *(point.value(metric) for point in points)]
    best = min((loss for loss in losses if loss is not None), default=None)
    last_step, reached = before.last_step, []
    for point in points:
        if last_step is None or point.step >= last_step:
            last_step = point.step
            reached.append(point)
    if not reached:
        return replace(before, best_loss=best)
    last = reached[-1]
    cost = before.worker_seconds
    if costs:
        cost = no_less(cost, max(point.worker_seconds for point in reached))
    return TrialFigures(
        last_step=last.step,
        highest_step=max(before.highest_step or 0, last.step),
        epochs_done=last.epoch,
        best_loss=best,
        final_loss=last.value(metric),
        training_seconds=last.training_seconds,
        worker_seconds=cost,
    )


def no_less(before: float | None, told: float) -> float:
    """What a trial has cost, of which a process that begins again may know a part alone."""
    return max(before or 0.0, told)
