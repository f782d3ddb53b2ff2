"""Comparisons: create, preview, list, look at."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api.bodies import BodyDep
from api.deps import IdempotencyKey, ServiceDep, Submitter, Viewer
from api.pagination import Page
from api.reference import problems, spec_body
from service.contracts.labels import MOST_TAGS, Tag
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonPage, ComparisonView, Preview, StudyView
from service.domain.comparison_rows import Wanted

router = APIRouter(prefix="/v1", tags=["comparisons"])


@router.post(
    "/comparisons",
    status_code=201,
    openapi_extra=spec_body(),
    responses=problems(400, 403, 413, 415),
)
def create(
    actor: Submitter,
    service: ServiceDep,
    body: BodyDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ComparisonView:
    """Queue a comparison, from JSON or YAML; `Location` names it."""
    view = service.comparisons.create(body.document(), actor=actor, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/comparisons/{view.id}"
    return view


@router.post(
    "/comparisons:preview",
    openapi_extra=spec_body(),
    responses=problems(400, 413, 415),
)
def preview(_: Viewer, service: ServiceDep, body: BodyDep) -> Preview:
    """What a spec would run, with every point of its searches; nothing is stored."""
    return service.comparisons.preview(body.document())


def wanted(
    state: Annotated[
        list[ComparisonState] | None, Query(description="Those in one of these states.")
    ] = None,
    tag: Annotated[
        list[Tag] | None, Query(max_length=MOST_TAGS, description="Those with all of these tags.")
    ] = None,
    owner: Annotated[
        str | None,
        Query(max_length=100, description="Those created with a key of this name."),
    ] = None,
    name: Annotated[
        str | None,
        Query(max_length=200, description="Those with this text in their name."),
    ] = None,
) -> Wanted:
    """Which comparisons a request asks for."""
    return Wanted(tuple(state or ()), tuple(tag or ()), owner, name)


@router.get("/comparisons", responses=problems(404))
def page(
    _: Viewer, service: ServiceDep, page: Page, wanted: Annotated[Wanted, Depends(wanted)]
) -> ComparisonPage:
    """Comparisons, newest first; `state` and `tag` may be given several times."""
    return service.comparisons.page(limit=page.limit, cursor=page.cursor, wanted=wanted)


@router.get("/comparisons/{comparison_id}", responses=problems(404))
def get(_: Viewer, service: ServiceDep, comparison_id: str) -> ComparisonView:
    """One comparison, with the progress of each contender."""
    return service.comparisons.get(comparison_id)


@router.get("/comparisons/{comparison_id}/studies", responses=problems(404))
def studies(_: Viewer, service: ServiceDep, comparison_id: str) -> tuple[StudyView, ...]:
    """The studies of a comparison: its tuning searches and, later, its finals."""
    return service.comparisons.studies(comparison_id)
