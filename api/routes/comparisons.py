"""Comparisons: create, preview, list, look at."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from api import lists
from api.bodies import BodyDep
from api.deps import IdempotencyKey, ServiceDep, Submitter, Viewer
from api.etags import TaggedRoute
from api.pagination import Page
from api.reference import problems, spec_body
from service.contracts.labels import MOST_TAGS, Tag
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonPage, ComparisonView, Preview, StudyView
from service.domain.comparison_rows import Wanted
from service.domain.ordering import COMPARISONS_BY, Order

router = APIRouter(prefix="/v1", tags=["comparisons"], route_class=TaggedRoute)


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


async def wanted(
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


Some = Annotated[lists.Fields | None, Depends(lists.fields_of(ComparisonView))]


@router.get(
    "/comparisons",
    response_model=lists.page_of(ComparisonPage, ComparisonView),
    responses=problems(404),
)
def page(
    _: Viewer,
    service: ServiceDep,
    page: Page,
    wanted: Annotated[Wanted, Depends(wanted)],
    order: Annotated[
        Order, Depends(lists.sort_by(COMPARISONS_BY, otherwise="the newest stand first"))
    ],
    fields: Some,
) -> Response:
    """Comparisons, newest first or as `sort` says; `state` and `tag` may be given several times.

    Pages go on from a place, not from a number: what is created or deleted meanwhile moves nothing
    from one page to the next.
    """
    found = service.comparisons.page(
        limit=page.limit, cursor=page.cursor, wanted=wanted, order=order
    )
    return lists.answer_page(found, fields)


@router.get(
    "/comparisons/{comparison_id}",
    response_model=lists.one_of(ComparisonView),
    responses=problems(404),
)
def get(_: Viewer, service: ServiceDep, comparison_id: str, fields: Some) -> Response:
    """One comparison, with the progress of each contender."""
    return lists.answer_one(service.comparisons.get(comparison_id), fields)


@router.get(
    "/comparisons/{comparison_id}/studies",
    response_model=lists.many_of(StudyView),
    responses=problems(404),
)
def studies(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(StudyView))],
) -> Response:
    """The studies of a comparison: its tuning searches and, later, its finals."""
    return lists.answer_many(StudyView, service.comparisons.studies(comparison_id), fields)
