"""What each trial of a study gets."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from service.contracts.plan import StudyAssignment
from service.contracts.spec import USUAL_STALL_SECONDS
from service.contracts.workers import most


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial; CPUs, GPUs and memory are each rank's."""

    cpus: float
    gpus: float
    exclusive: bool
    """One trial at a time, with nothing beside it."""
    stall_seconds: float = USUAL_STALL_SECONDS
    """How long it may make no step."""
    ranks: int = 1
    """The most that a trial has."""
    memory: int | None = None
    """Bytes of each rank that are reserved; None for none."""

    @classmethod
    def of(cls, assignment: StudyAssignment) -> "TrialResources":
        """What the trials of this assignment get."""
        return cls(
            cpus=assignment.cpus,
            gpus=assignment.gpus,
            exclusive=assignment.exclusive,
            stall_seconds=assignment.stall_seconds,
            ranks=most(assignment.workers),
            memory=assignment.memory,
        )

    def at_once(self, cluster: Mapping[str, float]) -> int:
        """How many trials fit a cluster, or one where nothing may run beside it.

        Args:
            cluster: Its resources by Ray's names.
        """
        if self.exclusive:
            return 1
        fitting = [
            cluster.get(name, 0.0) / (amount * self.ranks) for name, amount in self.bundle.items()
        ]
        return max(1, math.floor(min(fitting)))

    @property
    def bundle(self) -> dict[str, float]:
        """What Ray reserves for each rank, by its names."""
        wanted = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory or 0)}
        return {name: amount for name, amount in wanted.items() if amount}
