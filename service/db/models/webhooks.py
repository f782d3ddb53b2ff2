"""Webhooks, and the notices that wait to be sent."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base


class Webhook(Base):
    """Where notices of a key's comparisons go."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    states: Mapped[list[str]]
    owner: Mapped[str] = mapped_column(String(100))
    owner_key: Mapped[str] = mapped_column(
        String(16), ForeignKey("api_keys.id", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    delivered: Mapped[int]
    given_up: Mapped[int]
    last_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str]


class Delivery(Base):
    """A notice, written with the change that it tells of, until it is taken or given up."""

    __tablename__ = "deliveries"

    key: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("webhooks.id", ondelete="CASCADE")
    )
    body: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    due: Mapped[float]
    """When it may be sent, in the database's seconds since 1970."""

    __table_args__ = (Index(None, "webhook_id", "key"),)
