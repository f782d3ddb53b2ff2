"""Webhooks as their owners handle them, and the notices as the dispatcher sends them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.contracts.webhooks import CreatedWebhook, NewWebhook, WebhookView
from service.domain.errors import Conflict, NotFound
from service.domain.ports import Clock, Units
from service.domain.records import Actor, Role
from service.domain.webhooks import (
    MOST_WEBHOOKS,
    Delivery,
    Outcome,
    WebhookRecord,
    pause_after,
    secret_of,
)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What may be asked of webhooks."""

    units: Units
    clock: Clock
    service_secret: bytes = field(repr=False)

    def create(self, new: NewWebhook, *, actor: Actor) -> CreatedWebhook:
        """A webhook that hears of the comparisons of the asker's key, with its secret.

        Raises:
            Conflict: Where the key has as many as it may have.
        """
        webhook = WebhookRecord(
            id=f"w{secrets.token_hex(5)}",
            url=new.url,
            states=tuple(dict.fromkeys(new.states)),
            owner=actor.name,
            owner_key=actor.key_id,
            created_at=self.clock.now(),
        )
        with self.units.write() as unit:
            if len(unit.webhooks.of(actor.key_id)) >= MOST_WEBHOOKS:
                raise Conflict(f"a key may have {MOST_WEBHOOKS} webhooks; delete one first")
            unit.webhooks.add(webhook)
        return CreatedWebhook(**dict(_view(webhook, 0)), secret=self.secret(webhook.id))

    def of(self, actor: Actor) -> tuple[WebhookView, ...]:
        """The webhooks of the asker's key, oldest first; an admin sees everybody's."""
        owner = None if actor.role.covers(Role.ADMIN) else actor.key_id
        with self.units.read() as unit:
            return tuple(_view(webhook, waiting) for webhook, waiting in unit.webhooks.of(owner))

    def delete(self, webhook_id: str, *, actor: Actor) -> None:
        """Remove a webhook and what it was still to be told.

        Raises:
            NotFound: Where the asker has none of that id; an admin may remove anybody's.
        """
        with self.units.write() as unit:
            webhook = unit.webhooks.get(webhook_id)
            if webhook is None or not _may_see(actor, webhook):
                raise NotFound(f"there is no webhook {webhook_id}")
            unit.webhooks.delete(webhook_id)

    def secret(self, webhook_id: str) -> str:
        """What a webhook's notices are signed with."""
        return secret_of(self.service_secret, webhook_id)

    def take(self, limit: int, *, seconds: float) -> Sequence[Delivery]:
        """The notices that are due, at most one of each webhook; for so long they are the asker's.

        Who dies before it has told the outcome leaves them to be sent once more.
        """
        with self.units.read() as unit:
            if not unit.deliveries.due():
                return ()
        with self.units.write() as unit:
            return unit.deliveries.take(limit, seconds=seconds)

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """Note what came of a try: delivered, to be tried again, or given up."""
        pause, at = pause_after(delivery.attempt), self.clock.now()
        with self.units.write() as unit:
            if not outcome.error:
                unit.deliveries.delivered(delivery, outcome, at=at)
            elif pause is not None:
                unit.deliveries.put_off(delivery, outcome, at=at, seconds=pause)
            else:
                unit.deliveries.give_up(delivery, outcome, at=at)


def _may_see(actor: Actor, webhook: WebhookRecord) -> bool:
    return actor.key_id == webhook.owner_key or actor.role.covers(Role.ADMIN)


def _view(webhook: WebhookRecord, waiting: int) -> WebhookView:
    return WebhookView(
        id=webhook.id,
        url=webhook.url,
        states=webhook.states,
        owner=webhook.owner,
        created_at=webhook.created_at,
        waiting=waiting,
        delivered=webhook.delivered,
        given_up=webhook.given_up,
        last_at=webhook.last_at,
        last_status=webhook.last_status,
        last_error=webhook.last_error,
    )
