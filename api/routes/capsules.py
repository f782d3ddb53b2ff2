"""Capsules: what it takes to run a comparison again, and running it."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.bodies import BodyDep
from api.deps import FEW_AT_ONCE, IdempotencyKey, ServiceDep, Submitter, Viewer
from api.etags import TaggedRoute
from api.reference import json_body, problems
from service.contracts.capsule import Capsule
from service.contracts.views import ComparisonView

router = APIRouter(prefix="/v1", tags=["capsules"], route_class=TaggedRoute)

Threads = Annotated[
    int | None,
    Query(ge=1, le=1024, description="Of each rank, in place of those that the capsule says."),
]


@router.get(
    "/comparisons/{comparison_id}/capsule",
    response_model=Capsule,
    dependencies=[FEW_AT_ONCE],
    responses=problems(404, 409),
)
def capsule(_: Viewer, service: ServiceDep, comparison_id: str) -> Response:
    """A comparison that has finished as one document that can be run again."""
    return Response(service.capsules.of(comparison_id), media_type="application/json")


@router.post(
    "/comparisons:rerun",
    status_code=201,
    openapi_extra=json_body(Capsule),
    responses=problems(400, 403, 413, 415),
)
def rerun(
    actor: Submitter,
    service: ServiceDep,
    body: BodyDep,
    response: Response,
    threads: Threads = None,
    idempotency_key: IdempotencyKey = None,
) -> ComparisonView:
    """Queue what a capsule holds once more, at the same points with the same seeds.

    Its report says what is different here, and in how many trials the losses are the same bit for
    bit. `Location` names it.
    """
    view = service.comparisons.rerun(
        body.json(), threads=threads, actor=actor, idempotency_key=idempotency_key
    )
    response.headers["Location"] = f"/v1/comparisons/{view.id}"
    return view
