"""What each trial of a study gets."""

from dataclasses import dataclass

from service.contracts.plan import StudyAssignment
from service.contracts.spec import USUAL_STALL_SECONDS
from service.contracts.workers import most


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial."""

    cpus: float
    gpus: float
    exclusive: bool
    """One trial at a time, with nothing beside it."""
    stall_seconds: float = USUAL_STALL_SECONDS
    """How long it may make no step."""

    @classmethod
    def of(cls, assignment: StudyAssignment) -> "TrialResources":
        """What the trials of this assignment get.

        Raises:
            NotImplementedError: For trials over several ranks, which train on one machine so far.
        """
        if most(assignment.workers) > 1:
            raise NotImplementedError(
                "trials with several workers run by `python -m workers run --local` alone so far"
            )
        return cls(
            cpus=assignment.cpus,
            gpus=assignment.gpus,
            exclusive=assignment.exclusive,
            stall_seconds=assignment.stall_seconds,
        )
