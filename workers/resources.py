"""What each trial of a study gets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from service.contracts.plan import StudyAssignment
from service.contracts.spec import USUAL_STALL_SECONDS
from service.contracts.workers import most


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial; CPUs and GPUs are each rank's."""

    cpus: float
    gpus: float
    exclusive: bool
    """One trial at a time, with nothing beside it."""
    stall_seconds: float = USUAL_STALL_SECONDS
    """How long it may make no step."""
    ranks: int = 1
    """The most that a trial has."""

    @classmethod
    def of(cls, assignment: StudyAssignment) -> "TrialResources":
        """What the trials of this assignment get."""
        return cls(
            cpus=assignment.cpus,
            gpus=assignment.gpus,
            exclusive=assignment.exclusive,
            stall_seconds=assignment.stall_seconds,
            ranks=most(assignment.workers),
        )

    def at_once(self, cluster: Mapping[str, float]) -> int:
        """How many trials fit a cluster, or one where nothing may run beside it.

        Args:
            cluster: Its resources by Ray's names.
        """
        if self.exclusive:
            return 1
        fitting = [cluster.get("CPU", 0.0) / (self.cpus * self.ranks)]
        if self.gpus > 0:
            fitting.append(cluster.get("GPU", 0.0) / (self.gpus * self.ranks))
        return max(1, math.floor(min(fitting)))
