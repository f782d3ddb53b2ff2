"""What the forms of an export read: trials in order, and their curves a few at a time."""

from collections.abc import Iterator
from typing import Protocol

from service.domain.records import ComparisonRecord, TrialRecord
from service.domain.rows import PointColumns

Curves = Iterator[tuple[TrialRecord, PointColumns]]


class Source(Protocol):
    """A comparison's trials, as often as they are asked for; never all of them at once."""

    @property
    def comparison(self) -> ComparisonRecord:
        """Whose they are."""
        ...

    def trials(self) -> Iterator[TrialRecord]:
        """Every trial by number."""
        ...

    def curves(self) -> Curves:
        """Every trial by number with its points; without points too."""
        ...
