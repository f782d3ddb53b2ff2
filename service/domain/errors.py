"""The service's refusals, each with the HTTP status and the code that clients branch on."""

from collections.abc import Sequence
from typing import ClassVar

from service.contracts.access import QuotaView
from service.contracts.errors import FieldError, first_of


class ServiceError(Exception):
    """A refusal that a person can read; ``str(error)`` is the detail."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "The service failed"


class NotFound(ServiceError):
    """There is no such thing."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(ServiceError):
    """The request does not fit the present state."""

    status = 409
    code = "conflict"
    title = "Conflict with the present state"


class TransitionRefused(Conflict):
    """The table of states does not allow this change."""

    code = "transition_refused"
    title = "This change of state is not allowed"


class StaleAttempt(Conflict):
    """The attempt is no longer the current one, or its study has ended."""

    code = "stale_attempt"
    title = "This attempt is no longer current"


class FieldsRefused(ServiceError):
    """Fields of an input are wrong; ``errors`` says which and why."""

    status = 422

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = first_of(errors)
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in self.errors))


class InvalidSpec(FieldsRefused):
    """The comparison cannot be run as it is specified."""

    code = "invalid_spec"
    title = "The specification is not valid"


class InvalidCapsule(FieldsRefused):
    """The capsule cannot be run again here."""

    code = "invalid_capsule"
    title = "The capsule cannot be run again"


class IdempotencyMismatch(ServiceError):
    """The key was used before, for another request."""

    status = 422
    code = "idempotency_mismatch"
    title = "The idempotency key belongs to another request"


class Unauthenticated(ServiceError):
    """Nobody known is asking."""

    status = 401
    code = "unauthenticated"
    title = "A valid key is needed"


class QuotaExceeded(ServiceError):
    """The key may not have more of something now; ``quota`` says of what and until when."""

    status = 429
    code = "quota_exceeded"
    title = "The key has used up its quota"

    def __init__(self, message: str, quota: QuotaView) -> None:
        super().__init__(message)
        self.quota = quota


class TooManyRequests(ServiceError):
    """The asker asks too often."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which it may be tried again."""


class StorageUnavailable(ServiceError):
    """The database cannot be used now: it is away, busy or full; ask the same again later."""

    status = 503
    code = "storage_unavailable"
    title = "The database cannot be used now"


class Forbidden(ServiceError):
    """The asker is known but may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
