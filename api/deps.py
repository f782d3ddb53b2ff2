"""What routes depend on: the service, who asks and what they may do, a driver's claim."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.events import Feed
from api.limits import Limits
from api.metrics import Metrics
from api.sessions import (
    CSRF_HEADER,
    SESSION_COOKIE,
    csrf_matches,
    csrf_token,
    from_elsewhere,
    sent_twice,
)
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


# Dependencies that only look something up are coroutines, for else each has a thread to wait for.


async def get_service(request: Request) -> Service:
    """The service that the application was made with."""
    service: Service = request.app.state.service
    return service


async def get_feed(request: Request) -> Feed:
    """The feed of live events of this process."""
    feed: Feed = request.app.state.feed
    return feed


async def get_metrics(request: Request) -> Metrics:
    """The figures of this process."""
    metrics: Metrics = request.app.state.metrics
    return metrics


MetricsDep = Annotated[Metrics, Depends(get_metrics)]
ServiceDep = Annotated[Service, Depends(get_service)]
FeedDep = Annotated[Feed, Depends(get_feed)]


def get_limits(request: Request) -> Limits:
    """How often this process may be asked."""
    limits: Limits = request.app.state.limits
    return limits


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
        TooManyRequests: Where the key, or without a good one the address, asks too often.
    """
    with counting_strangers(request):
        actor = _known(request, service, key, session)
    get_limits(request).key(actor.key_id)
    return actor


@contextmanager
def counting_strangers(request: Request) -> Iterator[None]:
    """Count a refusal to know the asker; what is good passes, whoever else is at its address.

    Raises:
        TooManyRequests: In the place of the refusal, where the address had many.
    """
    try:
        yield
    except Unauthenticated:
        get_limits(request).stranger(request.client.host if request.client else "")
        raise


def _known(request: Request, service: Service, key: Credentials, session: str | None) -> Actor:
    if key is not None:
        return service.keys.authenticate(key.credentials)
    if session is None:
        raise Unauthenticated("no key was sent: 'Authorization: Bearer KEY' is needed")
    if sent_twice(request.headers.get("cookie", "")):
        raise Unauthenticated("two sessions were sent; remove this service's cookies, log in anew")
    actor = service.keys.session(session)
    if request.method not in SAFE_METHODS:
        _check_page(request, session)
    return actor


def _check_page(request: Request, session: str) -> None:
    """Hold a session's action against the page that it must come from.

    Raises:
        Forbidden: Where it lacks the page's token, or another site's page asks.
    """
    if from_elsewhere(request.headers.get("sec-fetch-site")):
        raise Forbidden("a page of another site asks; use this service's own pages")
    if not csrf_matches(session, request.headers.get(CSRF_HEADER)):
        raise Forbidden(f"the header {CSRF_HEADER} does not hold this page's token; reload it")


Viewer = Annotated[Actor, Depends(viewer)]


async def listening(
    request: Request,
    actor: Viewer,
    key: Annotated[Credentials, Security(_key)],
    session: Annotated[str | None, Security(_session)],
) -> AsyncIterator[None]:
    """One of the streams that a key or a session of the pages may have open, until it ends.

    Raises:
        TooManyRequests: Where all of them are.
    """
    asker = actor.key_id if key is not None or session is None else csrf_token(session)
    with get_limits(request).streams.one(asker):
        yield


async def _few_at_once(request: Request, actor: Viewer) -> AsyncIterator[None]:
    """One of the exports and the like that a key may have under way, until it ends.

    Raises:
        TooManyRequests: Where all of them are.
    """
    with get_limits(request).exports.one(actor.key_id):
        yield


FEW_AT_ONCE = Depends(_few_at_once)
"""Of a route that keeps a thread busy for seconds."""


def _needs(actor: Actor, role: Role) -> Actor:
    if not actor.role.covers(role):
        raise Forbidden(
            f"this needs the role {role.value}; {actor.name!r} has the role {actor.role.value}"
        )
    return actor


async def submitter(actor: Viewer) -> Actor:
    """Whoever asks, if they may create and cancel comparisons."""
    return _needs(actor, Role.SUBMITTER)


async def admin(actor: Viewer) -> Actor:
    """Whoever asks, if they may let others in."""
    return _needs(actor, Role.ADMIN)


Submitter = Annotated[Actor, Depends(submitter)]
Admin = Annotated[Actor, Depends(admin)]


def study_claim(
    request: Request,
    study_id: str,
    service: ServiceDep,
    token: Annotated[Credentials, Security(_study)],
) -> StudyClaim:
    """The attempt that a driver may speak for.

    Raises:
        Unauthenticated: Without a token, or with one that was not signed here or has expired.
        Forbidden: With the token of another study.
        TooManyRequests: Where the driver, or without a good token the address, asks too often.
    """
    with counting_strangers(request):
        if token is None:
            raise Unauthenticated(
                "no study token was sent: 'Authorization: Bearer TOKEN' is needed"
            )
        claim = service.studies.authorize(study_id, token.credentials)
    get_limits(request).study(claim.study_id)
    return claim


Claim = Annotated[StudyClaim, Depends(study_claim)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern="^[ -~]+$",
        description="A word of your own: the same request under the same word is done once.",
    ),
]
