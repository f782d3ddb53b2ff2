"""Logs: sent by drivers in numbered chunks, read by people page by page."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from api.bodies import BodyDep
from api.deps import Claim, ServiceDep, Viewer
from api.reference import json_body, problems
from api.routes.results import LARGEST_NUMBER
from api.routes.studies import check_attempt
from service.contracts.logs import LogBatch, LogPage, LogReceipt

router = APIRouter(prefix="/v1")


@router.post(
    "/studies/{study_id}/logs",
    tags=["drivers"],
    openapi_extra=json_body(LogBatch),
    responses=problems(400, 403, 404, 409, 413, 415),
)
def send(claim: Claim, service: ServiceDep, body: BodyDep) -> LogReceipt:
    """Take what the driver and its trials printed; what was taken before changes nothing."""
    batch = body.contract(LogBatch)
    check_attempt(claim, batch.attempt)
    return service.logs.record(claim.study_id, batch)


@router.get(
    "/comparisons/{comparison_id}/logs",
    tags=["results"],
    response_model=LogPage,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(404),
    },
)
def read(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    study: Annotated[str | None, Query(description="One study alone.")] = None,
    trial: Annotated[str | None, Query(description="One trial alone.")] = None,
    after: Annotated[
        int, Query(ge=0, le=LARGEST_NUMBER, description="Entries above this number alone.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="Entries of a page at most.")] = 100,
    form: Annotated[
        Literal["json", "text"], Query(alias="format", description="`text` is the words alone.")
    ] = "json",
) -> Response:
    """What drivers and trials printed, in the order in which it arrived.

    A page of `text` names its last entry in the header `X-Last`, for `after` of the next one.
    """
    page = service.logs.page(
        comparison_id, study_id=study, trial_id=trial, after=after, limit=limit
    )
    if form == "text":
        return PlainTextResponse(page.text, headers={"X-Last": str(page.last)})
    return JSONResponse(page.model_dump(mode="json"))
