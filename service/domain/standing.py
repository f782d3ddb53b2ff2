"""What stands in the database as a whole, for those who watch over it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.contracts.states import ComparisonState, StudyState, TrialState


@dataclass(frozen=True, slots=True)
class Standing:
    """Counts and the oldest of those that wait; a moment is None where nothing waits.

    Attributes:
        comparisons: How many are in each state.
        studies: The same.
        trials: The same.
        lost_attempts: How often a study's driver was lost or ended too early, since the beginning.
        queued_since: When the oldest queued study was created.
        submitted_since: When the oldest study was submitted whose driver nobody has heard yet.
        silent_since: When the running study that is silent longest was last heard.
    """

    comparisons: Mapping[ComparisonState, int]
    studies: Mapping[StudyState, int]
    trials: Mapping[TrialState, int]
    lost_attempts: int
    queued_since: datetime | None
    submitted_since: datetime | None
    silent_since: datetime | None


class StandingRows(Protocol):
    """Questions over all rows."""

    def now(self) -> Standing:
        """How all stands."""
        ...
