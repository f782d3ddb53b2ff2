"""Keys, whoever asks, and who did what."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.bodies import BodyDep
from api.deps import Admin, ServiceDep, Viewer
from api.pagination import Page
from api.reference import json_body, problems
from service.contracts.access import AskerView, DeedPage, KeyRequest, KeyView, NewKeyView
from service.contracts.text import Moment
from service.domain.access_rows import DeedQuery

router = APIRouter(prefix="/v1", tags=["access"])

LONGEST_WORD = 100


@router.get("/me", responses=problems())
def me(actor: Viewer, service: ServiceDep) -> AskerView:
    """Whoever asks: name, role, and what the key has used of what it may."""
    return service.quotas.asker(actor)


@router.get("/keys", responses=problems(403))
def list_keys(_: Admin, service: ServiceDep) -> tuple[KeyView, ...]:
    """Every key without its secret, oldest first, those that have ended included."""
    return tuple(map(service.keys.view, service.keys.list()))


@router.post(
    "/keys",
    status_code=201,
    openapi_extra=json_body(KeyRequest),
    responses=problems(400, 403, 409, 413, 415),
)
def create_key(actor: Admin, service: ServiceDep, body: BodyDep) -> NewKeyView:
    """Make a key; its secret is in this answer and nowhere else, ever."""
    new = service.keys.issue(body.contract(KeyRequest), by=actor.name)
    return NewKeyView(key=service.keys.get(new.id), secret=new.secret)


@router.post("/keys/{key_id}:revoke", responses=problems(403, 404))
def revoke_key(actor: Admin, service: ServiceDep, key_id: str) -> KeyView:
    """End a key, with the sessions and links that began with it."""
    service.keys.revoke(key_id, by=actor.name)
    return service.keys.get(key_id)


@router.get("/audit", responses=problems(403, 404))
def audit(
    _: Admin,
    service: ServiceDep,
    page: Page,
    actor: Annotated[
        str | None, Query(max_length=LONGEST_WORD, description="What the key of this name did.")
    ] = None,
    subject: Annotated[
        str | None,
        Query(
            max_length=LONGEST_WORD,
            description="What was done to one kind of thing, or to the one of this id.",
        ),
    ] = None,
    since: Annotated[Moment | None, Query(description="At this moment or later.")] = None,
    until: Annotated[Moment | None, Query(description="Before this moment.")] = None,
) -> DeedPage:
    """Who did what, the latest first; what the service itself did is in a comparison's events.

    Refused requests are not stored one by one: `/metrics` counts them by route and status.
    """
    query = DeedQuery(actor=actor, subject=subject, since=since, until=until)
    return service.audit.page(query, limit=page.limit, cursor=page.cursor)
