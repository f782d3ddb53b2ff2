"""Webhooks: where a key's comparisons are told of."""

from fastapi import APIRouter

from api.bodies import BodyDep
from api.deps import ServiceDep, Submitter
from api.reference import json_body, problems
from service.contracts.webhooks import CreatedWebhook, NewWebhook, WebhookView

router = APIRouter(prefix="/v1", tags=["webhooks"])


@router.post(
    "/webhooks",
    status_code=201,
    openapi_extra=json_body(NewWebhook),
    responses=problems(400, 403, 409, 413, 415),
)
def create(actor: Submitter, service: ServiceDep, body: BodyDep) -> CreatedWebhook:
    """Let a URL hear when a comparison of this key changes its state.

    The answer has the secret that its notices are signed with; it is shown this once.
    """
    return service.webhooks.create(body.contract(NewWebhook), actor=actor)


@router.get("/webhooks", responses=problems(403))
def webhooks(actor: Submitter, service: ServiceDep) -> tuple[WebhookView, ...]:
    """The webhooks of this key, and what was last answered there; an admin sees everybody's."""
    return service.webhooks.of(actor)


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=problems(403, 404))
def delete(actor: Submitter, service: ServiceDep, webhook_id: str) -> None:
    """Remove a webhook, and with it what it was still to be told."""
    service.webhooks.delete(webhook_id, actor=actor)
