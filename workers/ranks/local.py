"""Trials over several ranks without Ray: on this machine, in processes that are used again."""

import os

import torch

from service.contracts.workers import Workers, fewest, most
from workers.context import TrialFolder, TrialPlan
from workers.ranks.gang import Gang, GangLost
from workers.ranks.training import RankFailed, Tell


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

    def run(self, plan: TrialPlan, folder: TrialFolder, tell: Tell) -> None:
        """Run one trial from its start or checkpoint to its end.

        Args:
            plan: The trial.
            folder: Where it keeps what outlives its processes.
            tell: Takes events as they happen.

        Raises:
            GangLost: If a process died; the trial can go on from its checkpoint.
        """
        gang = self._gang_for(plan)
        try:
            gang.train(plan, folder, tell)
        except RankFailed as failure:
            self._gang = None
            tell(failure.events)
        except GangLost:
            self._gang = None
            raise

    def close(self) -> None:
        """End the processes."""
        if self._gang is not None:
            self._gang.close()
            self._gang = None

    def _gang_for(self, plan: TrialPlan) -> Gang:
        size = ranks_here(plan.workers, use_gpu=plan.use_gpu)
        gang = self._gang
        if gang is None or (gang.size, gang.use_gpu) != (size, plan.use_gpu):
            self.close()
            gang = self._gang = Gang(size, use_gpu=plan.use_gpu)
        return gang
