"""The drivers' side: what a study is assigned, what it reports, its signs of life."""

from fastapi import APIRouter

from api.bodies import BodyDep
from api.deps import Claim, MetricsDep, ServiceDep
from api.reference import json_body, problems
from service.contracts.events import (
    EventBatch,
    EventReceipt,
    Heartbeat,
    HeartbeatReply,
    TrialPoint,
)
from service.contracts.plan import StudyAssignment
from service.domain.errors import Forbidden
from service.domain.tokens import StudyClaim

router = APIRouter(prefix="/v1/studies/{study_id}", tags=["drivers"])


@router.get("/assignment", responses=problems(403, 404, 409))
def assignment(claim: Claim, service: ServiceDep) -> StudyAssignment:
    """The trials of the study that have not ended."""
    return service.studies.assignment(claim.study_id, attempt=claim.attempt)


@router.post(
    "/events",
    openapi_extra=json_body(EventBatch),
    responses=problems(400, 403, 404, 409, 413, 415),
)
def events(claim: Claim, service: ServiceDep, metrics: MetricsDep, body: BodyDep) -> EventReceipt:
    """Take events; what was taken before changes nothing."""
    batch = body.contract(EventBatch)
    check_attempt(claim, batch.attempt)
    receipt = service.studies.record(claim.study_id, batch)
    metrics.ingested(sum(isinstance(event, TrialPoint) for event in batch.events))
    return receipt


@router.post(
    "/heartbeat",
    openapi_extra=json_body(Heartbeat),
    responses=problems(400, 403, 404, 409, 413, 415),
)
def heartbeat(claim: Claim, service: ServiceDep, body: BodyDep) -> HeartbeatReply:
    """Take a sign of life; the answer names the trials that the driver should end."""
    beat = body.contract(Heartbeat)
    check_attempt(claim, beat.attempt)
    return service.studies.heartbeat(claim.study_id, beat)


def check_attempt(claim: StudyClaim, attempt: int) -> None:
    """Hold a body's attempt against the token's.

    Raises:
        Forbidden: Where they differ.
    """
    if attempt != claim.attempt:
        raise Forbidden(f"this token is for attempt {claim.attempt}, not {attempt}")
