"""Webhooks as they are stored, how notices are signed, and when one is sent again."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.contracts.states import ComparisonState

MOST_WEBHOOKS = 20
"""Webhooks of one key."""
MOST_ATTEMPTS = 10
"""How often a notice is sent before it is given up: within about three hours."""
TAKEN_SECONDS = 20.0
"""For so long a notice that is being sent is its sender's; then another sends it."""
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 3600.0


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook as it is stored; its secret follows from its id and is stored nowhere."""

    id: str
    url: str
    states: tuple[ComparisonState, ...]
    owner: str
    """The name of the key that created it."""
    owner_key: str
    """The id of that key: of its comparisons it hears, as long as the key is good."""
    created_at: datetime
    delivered: int = 0
    given_up: int = 0
    last_at: datetime | None = None
    last_status: int | None = None
    last_error: str = ""

    def hears(self, state: ComparisonState) -> bool:
        """Whether it wants to know of a comparison in this state."""
        return not self.states or state in self.states


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice that is being sent."""

    key: int
    webhook_id: str
    url: str
    body: str
    attempt: int
    """The number of this try, from 1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try; delivered where there is no error."""

    status: int | None
    error: str = ""


class WebhookRows(Protocol):
    """The stored webhooks."""

    def add(self, webhook: WebhookRecord) -> None:
        """Store a new webhook."""
        ...

    def get(self, webhook_id: str) -> WebhookRecord | None:
        """The webhook of that id."""
        ...

    def of(self, owner_key: str | None) -> Sequence[tuple[WebhookRecord, int]]:
        """A key's webhooks with how many notices wait, oldest first; everybody's where None."""
        ...

    def hearing(self, comparison_id: str, *, now: datetime) -> Sequence[WebhookRecord]:
        """The webhooks of the key that created the comparison, where the key is still good."""
        ...

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook with the notices that wait."""
        ...


class DeliveryRows(Protocol):
    """The notices that are to be sent: of each webhook one after the other."""

    def add(self, webhook_id: str, body: str) -> None:
        """Store a notice as due now."""
        ...

    def due(self) -> bool:
        """Whether any is to be sent now."""
        ...

    def take(self, limit: int, *, seconds: float) -> Sequence[Delivery]:
        """Take the first notices of webhooks that are due; for so long nobody else gets them."""
        ...

    def delivered(self, delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
        """Note that a notice was taken."""
        ...

    def put_off(
        self, delivery: Delivery, outcome: Outcome, *, at: datetime, seconds: float
    ) -> None:
        """Note that a notice was not taken, and is to be sent again after so long."""
        ...

    def give_up(self, delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
        """Drop a notice that nobody took, and all that wait behind it."""
        ...


def secret_of(service_secret: bytes, webhook_id: str) -> str:
    """The secret of a webhook: ``base64url(HMAC-SHA256(the service's secret, its id))``."""
    mac = hmac.digest(service_secret, b"kbfgs-webhook:" + webhook_id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def signature(secret: str, timestamp: int, body: str) -> str:
    """What shows that a notice is from here: ``v1=hex(HMAC-SHA256(secret, timestamp.body))``."""
    mac = hmac.digest(secret.encode(), f"{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1={mac.hex()}"


def pause_after(attempt: int) -> float | None:
    """Seconds until the next try: 5, 15, 45 ... up to an hour; None where it is given up."""
    if attempt >= MOST_ATTEMPTS:
        return None
    return min(_FIRST_PAUSE * 3.0 ** (attempt - 1), _LONGEST_PAUSE)


def longest_wait(attempts: int) -> float:
    """Seconds that a notice may have to wait after so many tries, whatever became of the last."""
    return max(TAKEN_SECONDS, pause_after(attempts) or 0.0)
