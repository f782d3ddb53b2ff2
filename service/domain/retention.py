"""What is kept for how long: the rows of comparisons that ended long ago."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Weight:
    """What some comparisons have in the database."""

    comparisons: int
    trials: int
    points: int
    log_characters: int


class RetentionRows(Protocol):
    """The stored comparisons, as what takes up room."""

    def ended_before(self, moment: datetime) -> tuple[str, ...]:
        """The ids of the comparisons that ended before a moment, oldest first."""
        ...

    def weigh(self, comparison_ids: Collection[str]) -> Weight:
        """What these have."""
        ...

    def forget_logs(self, comparison_id: str) -> None:
        """Remove a comparison's log alone, if it has ended."""
        ...
