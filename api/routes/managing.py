"""What may be done to a comparison beside steering it: edit, clone, delete."""

from fastapi import APIRouter, Response

from api.bodies import JSON, MERGE_PATCH, BodyDep
from api.deps import IdempotencyKey, ServiceDep, Submitter
from api.reference import REFERENCE, patch_body, problems
from service.contracts.edit import Edit
from service.contracts.spec import ComparisonSpec
from service.contracts.views import ComparisonView

router = APIRouter(prefix="/v1", tags=["comparisons"])

_EDIT = {"$ref": REFERENCE.format(model=Edit.__name__)}
_SOME_FIELDS = {
    "type": "object",
    "description": "Fields of the spec; null takes a default back.",
    "propertyNames": {"enum": list(ComparisonSpec.model_fields)},
    "examples": [{"name": "the same on more seeds", "seeds": 16}],
}


@router.patch(
    "/comparisons/{comparison_id}",
    openapi_extra=patch_body(_EDIT, required=True),
    responses=problems(400, 403, 404, 413, 415),
)
def edit(
    actor: Submitter, service: ServiceDep, comparison_id: str, body: BodyDep
) -> ComparisonView:
    """Change a comparison's name, tags or priority, in any state: its creator's key or an admin's.

    A JSON merge patch: what is left out stays as it is. The change is an event of the comparison.
    """
    patch = body.contract(Edit, media_types=(MERGE_PATCH, JSON))
    return service.control.edit(comparison_id, patch, actor=actor)


@router.post(
    "/comparisons/{comparison_id}:clone",
    status_code=201,
    openapi_extra=patch_body(_SOME_FIELDS, required=False),
    responses=problems(400, 403, 404, 413, 415),
)
def clone(
    actor: Submitter,
    service: ServiceDep,
    comparison_id: str,
    body: BodyDep,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> ComparisonView:
    """Queue a comparison's spec once more, as one's own; the body, a merge patch, changes it.

    `Location` names the new one.
    """
    view = service.comparisons.clone(
        comparison_id, body.merge_patch(), actor=actor, idempotency_key=idempotency_key
    )
    response.headers["Location"] = f"/v1/comparisons/{view.id}"
    return view


@router.delete("/comparisons/{comparison_id}", status_code=204, responses=problems(403, 404, 409))
def delete(actor: Submitter, service: ServiceDep, comparison_id: str) -> None:
    """Remove a comparison that has ended, for good: rows, report, logs and checkpoints.

    Its creator's key or an admin's. What is left is that it was deleted, when and by whom.
    """
    service.control.delete(comparison_id, actor=actor)
