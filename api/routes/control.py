"""What may be done to a comparison, one contender and one trial: cancel, pause, resume; extend."""

from fastapi import APIRouter

from api.bodies import BodyDep
from api.deps import ServiceDep, Submitter
from api.reference import json_body, problems
from service.contracts.extension import Extension
from service.contracts.views import ComparisonView, TrialView

router = APIRouter(prefix="/v1", tags=["control"], responses=problems(403, 404, 409))


@router.post("/comparisons/{comparison_id}:cancel")
def cancel(actor: Submitter, service: ServiceDep, comparison_id: str) -> ComparisonView:
    """Stop a comparison: its creator's key or an admin's may; twice is once."""
    return service.control.cancel(comparison_id, actor=actor)


@router.post("/comparisons/{comparison_id}:pause")
def pause(actor: Submitter, service: ServiceDep, comparison_id: str) -> ComparisonView:
    """Hold a comparison: its trials stop within seconds, and the cluster is free for others."""
    return service.control.pause(comparison_id, actor=actor)


@router.post("/comparisons/{comparison_id}:resume")
def resume(actor: Submitter, service: ServiceDep, comparison_id: str) -> ComparisonView:
    """Let all that is paused in a comparison go on, each trial from its last whole epoch."""
    return service.control.resume(comparison_id, actor=actor)


@router.post(
    "/comparisons/{comparison_id}:extend",
    openapi_extra=json_body(Extension),
    responses=problems(400, 413, 415),
)
def extend(
    actor: Submitter, service: ServiceDep, comparison_id: str, body: BodyDep
) -> ComparisonView:
    """Give a comparison more points, epochs or seeds, as new totals, or further contenders.

    What ran is used again, and the report says so. A new contender gets a search of its own and
    finals on the same seeds; a relative target follows from all contenders, so it may move. One
    that has finished runs again, and its report is interim until then.
    """
    return service.control.extend(comparison_id, body.contract(Extension), actor=actor)


@router.post("/comparisons/{comparison_id}/contenders/{contender}:cancel")
def cancel_contender(
    actor: Submitter, service: ServiceDep, comparison_id: str, contender: str
) -> ComparisonView:
    """Take a contender out, for good: the others go on, the report says so."""
    return service.control.cancel(comparison_id, actor=actor, contender=contender)


@router.post("/comparisons/{comparison_id}/contenders/{contender}:pause")
def pause_contender(
    actor: Submitter, service: ServiceDep, comparison_id: str, contender: str
) -> ComparisonView:
    """Hold what a contender has in the queue or running; the others go on."""
    return service.control.pause(comparison_id, actor=actor, contender=contender)


@router.post("/comparisons/{comparison_id}/contenders/{contender}:resume")
def resume_contender(
    actor: Submitter, service: ServiceDep, comparison_id: str, contender: str
) -> ComparisonView:
    """Let all that is paused of a contender go on."""
    return service.control.resume(comparison_id, actor=actor, contender=contender)


@router.post("/trials/{trial_id}:cancel")
def cancel_trial(actor: Submitter, service: ServiceDep, trial_id: str) -> TrialView:
    """Stop one trial alone, for good."""
    return service.control.cancel_trial(trial_id, actor=actor)


@router.post("/trials/{trial_id}:pause")
def pause_trial(actor: Submitter, service: ServiceDep, trial_id: str) -> TrialView:
    """Hold one trial alone; its checkpoint stays."""
    return service.control.pause_trial(trial_id, actor=actor)


@router.post("/trials/{trial_id}:resume")
def resume_trial(actor: Submitter, service: ServiceDep, trial_id: str) -> TrialView:
    """Queue a paused trial again; where its study still runs, after what that has left to do."""
    return service.control.resume_trial(trial_id, actor=actor)
