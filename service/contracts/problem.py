"""What the API answers where it refuses or fails: a problem document (RFC 9457)."""

from service.contracts.access import QuotaView
from service.contracts.base import Contract
from service.contracts.errors import FieldError


class Problem(Contract):
    """A refusal that a program can branch on and a person can read."""

    type: str
    """``urn:kbfgs:problem:`` and the code."""
    title: str
    """What kind of problem it is; the same for every problem with this code."""
    status: int
    detail: str
    """What is wrong this time, and the way out."""
    code: str
    """A stable word for programs: ``not_found``, ``invalid_spec``, ``stale_attempt``."""
    instance: str
    """The path that was asked for."""
    errors: tuple[FieldError, ...] = ()
    """The fields that are wrong, where the problem is about fields."""
    quota: QuotaView | None = None
    """What is used up, where the problem is that."""
