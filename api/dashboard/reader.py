"""Who reads a page, and the service that answers them."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.deps import ServiceDep, Viewer
from api.sessions import SESSION_COOKIE, csrf_token
from service.bootstrap import Service
from service.domain.records import Role


@dataclass(frozen=True)
class Reader:
    """The asker of a page."""

    service: Service
    csrf: str
    """What the page must send along when it changes something."""
    may_submit: bool
    """Whether the asker may cancel comparisons."""


def reader(request: Request, service: ServiceDep, actor: Viewer) -> Reader:
    """Whoever asks, by session or by key; a key needs no token.

    Raises:
        Unauthenticated: Without either.
    """
    session = request.cookies.get(SESSION_COOKIE)
    return Reader(
        service=service,
        csrf=csrf_token(session) if session else "",
        may_submit=actor.role.covers(Role.SUBMITTER),
    )


Reading = Annotated[Reader, Depends(reader)]
