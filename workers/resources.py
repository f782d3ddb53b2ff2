"""What each trial of a study gets."""

from dataclasses import dataclass

from service.contracts.plan import StudyAssignment


@dataclass(frozen=True)
class TrialResources:
    """The resources of one trial."""

    cpus: float
    gpus: float
    exclusive: bool
    """One trial at a time, with nothing beside it."""

    @classmethod
    def of(cls, assignment: StudyAssignment) -> "TrialResources":
        """What the trials of this assignment get."""
        return cls(assignment.cpus, assignment.gpus, assignment.exclusive)
