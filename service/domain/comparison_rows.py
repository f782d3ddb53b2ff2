"""The stored comparisons and their changes, as the use cases ask for them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState
from service.contracts.views import ChangeEvent
from service.domain.fairness import Share
from service.domain.ordering import Order, Place
from service.domain.records import ComparisonRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which comparisons a list is to show: those that all of it holds for."""

    states: tuple[ComparisonState, ...] = ()
    """In one of these; in any where there are none."""
    tags: tuple[str, ...] = ()
    """With all of these."""
    owner: str | None = None
    """Created with a key of this name."""
    name: str | None = None
    """With this text in their name, upper or lower case alike."""


EVERY = Wanted()


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is remembered of a deleted comparison: what it cost, and what may still lie about."""

    comparison_id: str
    owner_key: str
    """The id of the key that created it."""
    deleted_at: datetime
    worker_seconds: float
    """Of its trials that began in the month in which it was deleted: they stay spent."""
    attempts: Mapping[str, int]
    """Attempts of each of its studies, by the study's id."""


class ComparisonRows(Protocol):
    """The stored comparisons."""

    def add(self, record: ComparisonRecord) -> None:
        """Store a new comparison."""
        ...

    def get(self, comparison_id: str) -> ComparisonRecord | None:
        """The comparison of that id, if there is one."""
        ...

    def lock(self, comparison_id: str, *, wait: bool = True) -> ComparisonRecord | None:
        """The comparison, held until the unit of work ends; writers go through here first.

        Args:
            comparison_id: Which.
            wait: Without, a comparison that someone else holds is None.
        """
        ...

    def page(
        self, limit: int, *, after: Place | None, wanted: Wanted, order: Order
    ) -> tuple[tuple[Place, ComparisonRecord], ...]:
        """Some comparisons with their places in a settled order, from those after ``after`` on."""
        ...

    def live(self) -> tuple[tuple[str, int], ...]:
        """Id and last change of the comparisons that have not ended, oldest first."""
        ...

    def shares(self) -> Mapping[str, Share]:
        """What each comparison that has not ended may ask of the queue, by its id."""
        ...

    def set_labels(self, comparison_id: str, spec: ComparisonSpec) -> None:
        """Write a spec of another name, priority or tags."""
        ...

    def delete(self, deleted: Deleted) -> None:
        """Remove a comparison with all that belongs to it, and remember that."""
        ...

    def deleted(self, comparison_ids: Collection[str]) -> Mapping[str, Deleted]:
        """Those of these comparisons that were deleted, by id."""
        ...

    def set_state(
        self, comparison_id: str, state: ComparisonState, *, reason: str, at: datetime
    ) -> None:
        """Write a state that the state table allows."""
        ...

    def set_plan(self, record: ComparisonRecord) -> None:
        """Write what the comparison is since it was extended: its spec, its seeds and by what."""
        ...

    def set_cancelled(self, comparison_id: str, contenders: Sequence[str]) -> None:
        """Write which contenders were cancelled."""
        ...

    def set_verdict(self, comparison_id: str, verdict: str | None) -> None:
        """Write the verdict's sentence, or that there is none yet."""
        ...


class ChangeRows(Protocol):
    """The changes of state: the audit trail, and what live pages hear."""

    def append(self, comparison_id: str, changes: Sequence[ChangeEvent]) -> tuple[ChangeEvent, ...]:
        """Store changes under the comparison's next numbers; the changes with these numbers."""
        ...

    def after(self, comparison_id: str, number: int, *, limit: int) -> tuple[ChangeEvent, ...]:
        """The changes with higher numbers, in order."""
        ...
