"""The service's refusals, each with the HTTP status and the code that clients branch on."""

from collections.abc import Sequence
from typing import ClassVar

from service.contracts.errors import FieldError


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
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = tuple(errors)


class InvalidSpec(FieldsRefused):
    """The comparison cannot be run as it is specified."""

    code = "invalid_spec"
    title = "The specification is not valid"


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


class StorageUnavailable(ServiceError):
    """The database does not answer now; the same may be asked again later."""

    status = 503
    code = "storage_unavailable"
    title = "The database does not answer"


class Forbidden(ServiceError):
    """The asker is known but may not do this."""

    status = 403
    code = "forbidden"
    title = "Not allowed"
