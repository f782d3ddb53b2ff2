"""What routes depend on: the service, who asks and what they may do, a driver's claim."""

from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.events import Feed
from api.metrics import Metrics
from api.sessions import CSRF_HEADER, SESSION_COOKIE, csrf_matches
from service.bootstrap import Service
from service.domain.errors import Forbidden, Unauthenticated
from service.domain.records import Actor, Role
from service.domain.tokens import StudyClaim

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_key = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="A key from `python -m service keys create`: `Authorization: Bearer KEY`.",
)
_session = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="session",
    description=f"A page's session; all but GET needs the page's token in `{CSRF_HEADER}` too.",
)
_study = HTTPBearer(
    auto_error=False,
    scheme_name="study",
    description="A study token, good for one attempt of one study alone.",
)

Credentials = HTTPAuthorizationCredentials | None


def get_service(request: Request) -> Service:
    """The service that the application was made with."""
    service: Service = request.app.state.service
    return service


def get_feed(request: Request) -> Feed:
    """The feed of live events of this process."""
    feed: Feed = request.app.state.feed
    return feed


def get_metrics(request: Request) -> Metrics:
    """The figures of this process."""
    metrics: Metrics = request.app.state.metrics
    return metrics


MetricsDep = Annotated[Metrics, Depends(get_metrics)]
ServiceDep = Annotated[Service, Depends(get_service)]
FeedDep = Annotated[Feed, Depends(get_feed)]


def viewer(
    request: Request,
    service: ServiceDep,
    key: Annotated[Credentials, Security(_key)],
    session: Annotated[str | None, Security(_session)],
) -> Actor:
    """Whoever asks, by key or by session.

    Raises:
        Unauthenticated: Without a key or session, or with one that is not valid.
        Forbidden: Where a session's action lacks the page's token.
    """
    if key is not None:
        return service.keys.authenticate(key.credentials)
    if session is None:
        raise Unauthenticated("no key was sent: 'Authorization: Bearer KEY' is needed")
    actor = service.keys.session(session)
    if request.method not in SAFE_METHODS and not csrf_matches(
        session, request.headers.get(CSRF_HEADER)
    ):
        raise Forbidden(f"the header {CSRF_HEADER} does not hold this page's token; reload it")
    return actor


Viewer = Annotated[Actor, Depends(viewer)]


def _needs(actor: Actor, role: Role) -> Actor:
    if not actor.role.covers(role):
        raise Forbidden(
            f"this needs the role {role.value}; {actor.name!r} has the role {actor.role.value}"
        )
    return actor


def submitter(actor: Viewer) -> Actor:
    """Whoever asks, if they may create and cancel comparisons."""
    return _needs(actor, Role.SUBMITTER)


def admin(actor: Viewer) -> Actor:
    """Whoever asks, if they may let others in."""
    return _needs(actor, Role.ADMIN)


Submitter = Annotated[Actor, Depends(submitter)]
Admin = Annotated[Actor, Depends(admin)]


def study_claim(
    study_id: str, service: ServiceDep, token: Annotated[Credentials, Security(_study)]
) -> StudyClaim:
    """The attempt that a driver may speak for.

    Raises:
        Unauthenticated: Without a token, or with one that was not signed here or has expired.
        Forbidden: With the token of another study.
    """
    if token is None:
        raise Unauthenticated("no study token was sent: 'Authorization: Bearer TOKEN' is needed")
    return service.studies.authorize(study_id, token.credentials)


Claim = Annotated[StudyClaim, Depends(study_claim)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="A word of your own: the same request under the same word is done once.",
    ),
]
