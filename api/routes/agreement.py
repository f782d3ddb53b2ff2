"""Two reports held against each other."""

from fastapi import APIRouter

from api.bodies import BodyDep
from api.deps import FEW_AT_ONCE, ServiceDep, Viewer
from api.reference import json_body, problems
from service.contracts.agreement import ReportAgreement, TwoReports

router = APIRouter(prefix="/v1", tags=["results"])


@router.post(
    "/reports:compare",
    dependencies=[FEW_AT_ONCE],
    openapi_extra=json_body(TwoReports),
    responses=problems(400, 413, 415),
)
def compare(_: Viewer, service: ServiceDep, body: BodyDep) -> ReportAgreement:
    """Whether what an earlier report claims held in a later one; nothing is stored.

    For each problem and pair the ratios then and now, how far they moved, and in words: held, not
    contradicted, contradicted, or why they cannot be compared. Reports may come from files.
    """
    return service.reports.agreement(body.contract(TwoReports))
