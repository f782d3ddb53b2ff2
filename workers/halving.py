"""Asynchronous successive halving: which trials are not worth their remaining epochs.

In a rerun it judges nothing: a trial is stopped where it was stopped before.
"""

import math
from collections.abc import Collection

from service.contracts.events import TrialPoint
from service.contracts.proposals import Rungs


def goes_on(loss: float, others: Collection[float], *, reduction_factor: int) -> bool:
    """Whether a trial is among the best of those that have come to its rung so far.

    One trial in ``reduction_factor`` goes on, and the best one always does, so the first to come
    is never stopped. (Li et al. 2020, in the form that stops instead of promoting.)

    Args:
        loss: The trial's loss there.
        others: The losses of those that came before it.
        reduction_factor: One in how many goes on.
    """
    places = max((len(others) + 1) // reduction_factor, 1)
    return sum(other < loss for other in others) < places


class Halving:
    """Judges each trial once at each rung, by what came there before it.

    Args:
        rungs: Where, and what is known already; None where no trial is stopped early.
    """

    def __init__(self, rungs: Rungs | None = None) -> None:
        self._rungs = rungs
        self._losses: dict[int, dict[str, float]] = {}
        for trial_id, losses in (rungs.losses if rungs else {}).items():
            for epoch, loss in losses.items():
                self._losses.setdefault(epoch, {})[trial_id] = _ranked(loss)

    def judge(self, event: TrialPoint) -> str | None:
        """Why the trial should stop at this point; None where it may go on."""
        rungs, epoch = self._rungs, event.point.epoch
        if rungs is None or epoch not in rungs.epochs:
            return None
        if rungs.stops is not None:
            as_before = rungs.stops.get(event.trial_id) == epoch
            return f"stopped after epoch {epoch}, as in the capsule" if as_before else None
        before = self._losses.setdefault(epoch, {})
        if event.trial_id in before:  # it tells its history again
            return None
        loss, others = _ranked(event.point.value(rungs.metric)), tuple(before.values())
        before[event.trial_id] = loss
        if goes_on(loss, others, reduction_factor=rungs.reduction_factor):
            return None
        better = sum(other < loss for other in others)
        return (
            f"stopped after epoch {epoch} by ASHA: {better} of the {len(others)} trials that had "
            "come there before it were better"
        )


def _ranked(loss: float | None) -> float:
    return math.inf if loss is None else loss
