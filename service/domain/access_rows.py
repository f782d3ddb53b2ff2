"""The stored rows of access, as the use cases ask for them: keys, what they used, who did what."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from service.contracts.access import Deed
from service.domain.records import KeyRecord


class Place(NamedTuple):
    """A deed's place in the order of all: by time, then by source, then what tells them apart."""

    at: datetime
    source: int
    of: str
    """The comparison whose change it is; empty where it is none's."""
    number: int


@dataclass(frozen=True, slots=True)
class DeedQuery:
    """Which deeds are asked for."""

    actor: str | None = None
    subject: str | None = None
    """A kind of subject, or one's id."""
    since: datetime | None = None
    until: datetime | None = None


class KeyRows(Protocol):
    """The stored keys, login tokens and sessions; secrets stand there as digests alone."""

    def add(self, key: KeyRecord, digest: str) -> bool:
        """Store a new key; False where one that is not revoked has its name."""
        ...

    def get(self, key_id: str) -> KeyRecord | None:
        """The key of that id."""
        ...

    def by_digest(self, digest: str) -> KeyRecord | None:
        """The key whose secret has that digest."""
        ...

    def all(self) -> tuple[KeyRecord, ...]:
        """Every key, oldest first."""
        ...

    def revoke(self, key_id: str, *, at: datetime) -> bool:
        """End a key; False where there is none of that id."""
        ...

    def used(self, key_id: str, *, at: datetime) -> None:
        """Note that a key opened something."""
        ...

    def add_login(self, digest: str, *, key_id: str, expires_at: datetime) -> None:
        """Store a one-time login token that a key's holder asked for."""
        ...

    def use_login(self, digest: str, *, now: datetime) -> KeyRecord | None:
        """Use a login token up: its key, live or not; None where it is unknown, used or too old."""
        ...

    def add_session(self, digest: str, *, key_id: str, expires_at: datetime) -> None:
        """Store a session of a key's holder."""
        ...

    def session_of(self, digest: str, *, now: datetime) -> KeyRecord | None:
        """The key of a session that is not too old; the key itself may have ended."""
        ...


class SpendingRows(Protocol):
    """What the comparisons of a key use up."""

    def hold(self, key_id: str) -> None:
        """Let nobody else count for this key until the unit of work ends."""
        ...

    def comparisons(self, key_id: str) -> int:
        """How many comparisons of the key have not ended."""
        ...

    def worker_seconds(self, key_id: str, *, since: datetime) -> float:
        """What the key's trials cost that began since then, those included that were deleted."""
        ...

    def of(self, comparison_id: str, *, since: datetime) -> float:
        """What a comparison's trials cost that began since then."""
        ...


class DeedRows(Protocol):
    """What people did: changes of state, and what no comparison's changes tell."""

    def note(self, deed: Deed) -> None:
        """Store a deed that no comparison's changes tell."""
        ...

    def before(
        self, place: Place | None, query: DeedQuery, *, limit: int
    ) -> tuple[tuple[Place, Deed], ...]:
        """Deeds before a place, the latest first, without those of the service's own parts.

        Args:
            place: Where the page before ended; None for the latest of all.
            query: Which ones.
            limit: How many at most.
        """
        ...
