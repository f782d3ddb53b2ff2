"""Queries on webhooks and the notices that wait for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from service.contracts.states import ComparisonState
from service.db import models
from service.db.database_clock import seconds_now
from service.db.models import ApiKey, Comparison, Webhook
from service.domain.webhooks import (
    MOST_ATTEMPTS,
    Delivery,
    Outcome,
    WebhookRecord,
    longest_wait,
)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The stored webhooks."""

    session: Session

    def add(self, webhook: WebhookRecord) -> None:
        """Store a new webhook."""
        columns = WebhookRecord.__dataclass_fields__
        values = {column: getattr(webhook, column) for column in columns}
        self.session.execute(insert(Webhook).values({**values, "states": list(webhook.states)}))

    def get(self, webhook_id: str) -> WebhookRecord | None:
        """The webhook of that id."""
        row = self.session.get(Webhook, webhook_id)
        return _record(row) if row else None

    def of(self, owner_key: str | None) -> Sequence[tuple[WebhookRecord, int]]:
        """A key's webhooks with how many notices wait, oldest first; everybody's where None."""
        waiting = (
            select(func.count())
            .where(models.Delivery.webhook_id == Webhook.id)
            .correlate(Webhook)
            .scalar_subquery()
        )
        query = select(Webhook, waiting).order_by(Webhook.created_at, Webhook.id)
        if owner_key is not None:
            query = query.where(Webhook.owner_key == owner_key)
        return [(_record(row), count) for row, count in self.session.execute(query)]

    def hearing(self, comparison_id: str, *, now: datetime) -> Sequence[WebhookRecord]:
        """The webhooks of the key that created the comparison, where the key is still good."""
        query = (
            select(Webhook)
            .join(Comparison, Comparison.owner_key == Webhook.owner_key)
            .join(ApiKey, ApiKey.id == Webhook.owner_key)
            .where(
                Comparison.id == comparison_id,
                ApiKey.revoked_at.is_(None),
                or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
            )
        )
        return [_record(row) for row in self.session.scalars(query)]

    def delete(self, webhook_id: str) -> None:
        """Remove a webhook with the notices that wait."""
        self.session.execute(delete(Webhook).where(Webhook.id == webhook_id))


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The notices that are to be sent: of each webhook one after the other."""

    session: Session

    def add(self, webhook_id: str, body: str) -> None:
        """Store a notice as due now."""
        values = {"webhook_id": webhook_id, "body": body, "attempts": 0, "due": 0.0}
        self.session.execute(insert(models.Delivery).values(values))

    def due(self) -> bool:
        """Whether any is to be sent now."""
        due = _due(seconds_now(self.session))
        query = select(models.Delivery.key).where(_first(), due).limit(1)
        return self.session.scalar(query) is not None

    def take(self, limit: int, *, seconds: float) -> Sequence[Delivery]:
        """Take the first notices of webhooks that are due; for so long nobody else gets them."""
        now = seconds_now(self.session)
        query = (
            select(models.Delivery, Webhook.url)
            .join(Webhook, Webhook.id == models.Delivery.webhook_id)
            .where(_first(), _due(now))
            .order_by(models.Delivery.due, models.Delivery.key)
            .limit(limit)
            .with_for_update(of=models.Delivery, skip_locked=True)
        )
        taken = [
            Delivery(row.key, row.webhook_id, url, row.body, row.attempts + 1)
            for row, url in self.session.execute(query)
        ]
        self.session.execute(
            update(models.Delivery)
            .where(models.Delivery.key.in_([delivery.key for delivery in taken]))
            .values(attempts=models.Delivery.attempts + 1, due=now + seconds)
        )
        return taken

    def delivered(self, delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
        """Note that a notice was taken."""
        self.session.execute(delete(models.Delivery).where(models.Delivery.key == delivery.key))
        self._note(delivery, outcome, at, {"delivered": Webhook.delivered + 1})

    def put_off(
        self, delivery: Delivery, outcome: Outcome, *, at: datetime, seconds: float
    ) -> None:
        """Note that a notice was not taken, and is to be sent again after so long."""
        self.session.execute(
            update(models.Delivery)
            .where(models.Delivery.key == delivery.key)
            .values(due=seconds_now(self.session) + seconds)
        )
        self._note(delivery, outcome, at, {})

    def give_up(self, delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
        """Drop a notice that nobody took, and all that wait behind it."""
        dropped = self.session.execute(
            delete(models.Delivery)
            .where(models.Delivery.webhook_id == delivery.webhook_id)
            .returning(models.Delivery.key)
        ).all()
        self._note(delivery, outcome, at, {"given_up": Webhook.given_up + len(dropped)})

    def _note(
        self, delivery: Delivery, outcome: Outcome, at: datetime, counts: dict[str, object]
    ) -> None:
        last = {"last_at": at, "last_status": outcome.status, "last_error": outcome.error}
        self.session.execute(
            update(Webhook).where(Webhook.id == delivery.webhook_id).values({**last, **counts})
        )


def _first() -> ColumnElement[bool]:
    """Of each webhook the notice that comes next."""
    firsts = select(func.min(models.Delivery.key)).group_by(models.Delivery.webhook_id)
    return models.Delivery.key.in_(firsts)


def _due(now: ColumnElement[float]) -> ColumnElement[bool]:
    """Whether a notice is to be sent now.

    One that would wait longer than any may was put off before the clock was set back.
    """
    tried = models.Delivery.attempts
    longest = case({n: longest_wait(n) for n in range(MOST_ATTEMPTS + 1)}, value=tried)
    return or_(models.Delivery.due <= now, models.Delivery.due > now + longest)


def _record(row: Webhook) -> WebhookRecord:
    return WebhookRecord(
        id=row.id,
        url=row.url,
        states=tuple(ComparisonState(state) for state in row.states),
        owner=row.owner,
        owner_key=row.owner_key,
        created_at=row.created_at,
        delivered=row.delivered,
        given_up=row.given_up,
        last_at=row.last_at,
        last_status=row.last_status,
        last_error=row.last_error,
    )
