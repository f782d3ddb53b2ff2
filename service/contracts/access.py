"""Who may ask, what they may use up, and who did what."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from service.contracts.base import Contract
from service.contracts.text import Moment, OneLine


class Role(StrEnum):
    """What a key may do; each role may do what the one before it may."""

    VIEWER = "viewer"
    SUBMITTER = "submitter"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether this role may do what ``needed`` may."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


KeyName = Annotated[str, Field(min_length=1, max_length=100), OneLine]
Limit = Annotated[int, Field(ge=0, lt=2**31)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]


class KeyRequest(Contract):
    """A key to be made."""

    name: KeyName
    """Stands beside all that its holder does; one live key has a name."""
    role: Role = Role.SUBMITTER
    expires_at: Moment | None = None
    """When it ends by itself; never by default."""
    most_comparisons: Limit | None = None
    """Comparisons of its own that may be queued or running at once; the service's by default."""
    most_worker_seconds: Seconds | None = None
    """Worker-seconds that its comparisons may use in a month; the service's by default."""


class KeyView(Contract):
    """A key without its secret."""

    id: str
    name: str
    role: Role
    state: Literal["live", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    """When it last opened anything, to the minute."""
    most_comparisons: int | None
    most_worker_seconds: float | None


class NewKeyView(Contract):
    """A key that was just made."""

    key: KeyView
    secret: Annotated[str, Field(repr=False)]
    """Shown here and never again: the service keeps its digest alone."""


class QuotaView(Contract):
    """How much of something a key has used."""

    used: float
    limit: float | None
    """None where there is none."""
    until: datetime | None = None
    """When what is used counts from nothing again; None where it falls as things end."""


class AskerView(Contract):
    """Whoever asks."""

    key_id: str
    name: str
    role: Role
    comparisons: QuotaView
    """Its own that are queued, running or paused."""
    worker_seconds: QuotaView
    """Of its own trials that began in this month, UTC."""


class Deed(Contract):
    """What a person did, or a program with a key."""

    at: datetime
    actor: str
    """The name of the key; ``console`` is the command line where the service runs."""
    subject: str
    """What it was done to: comparison, study, trial, key, session or login link."""
    subject_id: str
    before: str | None = None
    """Its state before; None where it began."""
    after: str
    """Its state after, or what was done."""
    reason: str = ""


class DeedPage(Contract):
    """Some deeds, the latest first."""

    items: tuple[Deed, ...]
    next_cursor: str | None
