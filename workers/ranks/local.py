"""Trials over several ranks without Ray: on this machine, in processes that are used again."""

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from service.contracts.events import Event, TrialEnded, TrialPoint
from service.contracts.states import FailureKind
from service.contracts.workers import Workers, fewest, most
from workers.context import TrialPlan
from workers.ranks.gang import Gang, GangLost
from workers.ranks.training import RankFailed, Tell
from workers.trial import ENDED

LOST_WORKER_RESTARTS = 2
"""How often a trial that lost a process goes on from its checkpoint in others."""

logger = logging.getLogger(__name__)


class RanksRefused(ValueError):
    """This machine cannot run so many ranks; the text says why."""


def ranks_here(workers: Workers, *, use_gpu: bool) -> int:
    """How many ranks a trial gets on this machine.

    Raises:
        RanksRefused: If each is to have a GPU and there are too few.
    """
    devices = torch.cuda.device_count() if use_gpu else os.cpu_count() or 1
    size = min(most(workers), max(fewest(workers), devices))
    if use_gpu and size > max(devices, 1):
        raise RanksRefused(f"workers: {size} of them need a GPU each, and here are {devices}")
    return size


class LocalRanks:
    """Trains trials over several ranks; the processes stay from one to the next until closed."""

    def __init__(self) -> None:
        self._gang: Gang | None = None

    def run(self, plan: TrialPlan, folder: Path, tell: Tell) -> None:
        """Run one trial from its start or checkpoint to its end.

        Args:
            plan: The trial.
            folder: Where it keeps what outlives its processes.
            tell: Takes events as they happen.
        """
        elapsed = 0.0

        def heard(events: Sequence[Event]) -> None:
            nonlocal elapsed
            points = [event.point for event in events if isinstance(event, TrialPoint)]
            elapsed = points[-1].elapsed_seconds if points else elapsed
            tell(events)

        size = ranks_here(plan.workers, use_gpu=plan.use_gpu)
        loss = ""
        for _ in range(1 + LOST_WORKER_RESTARTS):
            try:
                self._gang_of(size, use_gpu=plan.use_gpu).train(plan, folder, heard)
                return
            except RankFailed as failure:
                self._gang = None
                tell(failure.events)
                return
            except GangLost as error:
                self._gang = None
                loss = str(error)
                logger.warning("%s: %s; it goes on", plan.trial.trial_id, error)
        tell([_lost(plan, loss, worker_seconds=elapsed * size)])

    def close(self) -> None:
        """End the processes."""
        if self._gang is not None:
            self._gang.close()
            self._gang = None

    def _gang_of(self, size: int, *, use_gpu: bool) -> Gang:
        gang = self._gang
        if gang is None or (gang.size, gang.use_gpu) != (size, use_gpu):
            self.close()
            gang = self._gang = Gang(size, use_gpu=use_gpu)
        return gang


def _lost(plan: TrialPlan, loss: str, *, worker_seconds: float) -> TrialEnded:
    """The end of a trial whose processes died again and again."""
    return TrialEnded(
        trial_id=plan.trial.trial_id,
        number=ENDED,
        at=datetime.now(UTC),
        outcome="failed",
        failure=FailureKind.LOST_WORKER,
        message=loss,
        worker_seconds=worker_seconds,
    )
