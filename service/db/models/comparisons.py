"""Comparisons, their numbered changes of state and their final reports."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base, Json

BY_PEOPLE = text("actor NOT IN ('dispatcher', 'driver', 'service')")
"""In these very words, for an index is used where the query repeats its condition."""


class Comparison(Base):
    """A comparison; ``key`` grows with age, so that it orders the queue and the pages."""

    __tablename__ = "comparisons"

    key: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str]
    owner: Mapped[str] = mapped_column(String(100))
    owner_key: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_change: Mapped[int]
    verdict: Mapped[str | None]
    spec: Mapped[dict[str, Any]]
    seeds: Mapped[dict[str, Any]]
    cancelled: Mapped[list[str]] = mapped_column(server_default="[]")
    priority: Mapped[int] = mapped_column(server_default="0")
    at_once: Mapped[int | None]
    extensions: Mapped[list[dict[str, Any]]] = mapped_column(Json, server_default="[]")

    __table_args__ = (
        Index(None, "owner_key", "state"),
        *(Index(None, column, "key") for column in ("name", "owner", "priority", "state")),
    )


class ComparisonTag(Base):
    """A tag of a comparison: its spec holds it too, this finds it."""

    __tablename__ = "comparison_tags"

    tag: Mapped[str] = mapped_column(String(32), primary_key=True)
    comparison_key: Mapped[int] = mapped_column(
        ForeignKey("comparisons.key", ondelete="CASCADE"), primary_key=True, index=True
    )


class DeletedComparison(Base):
    """What is remembered of a comparison that was deleted."""

    __tablename__ = "deleted_comparisons"

    comparison_id: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner_key: Mapped[str] = mapped_column(String(16))
    deleted_at: Mapped[datetime]
    worker_seconds: Mapped[float]
    attempts: Mapped[dict[str, Any]]

    __table_args__ = (Index(None, "owner_key", "deleted_at"),)


class Change(Base):
    """One change of state, numbered within its comparison."""

    __tablename__ = "changes"

    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    subject: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(40))
    before: Mapped[str | None] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str]

    __table_args__ = (
        Index(None, "comparison_id", "subject_id"),
        Index("ix_changes_by_people", "at", sqlite_where=BY_PEOPLE, postgresql_where=BY_PEOPLE),
    )


class FinalReport(Base):
    """The report of a comparison that has finished."""

    __tablename__ = "reports"

    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True
    )
    created_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]


class RerunCapsule(Base):
    """What a comparison runs again; comparisons whose points were drawn have none."""

    __tablename__ = "capsules"

    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True
    )
    body: Mapped[dict[str, Any]]


class MadeCapsule(Base):
    """The capsule of a comparison that has finished.

    As text, not as JSON: PostgreSQL's JSON rewrites numbers (1e20), and the checksum is of the
    document as it stands.
    """

    __tablename__ = "made_capsules"

    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE"), primary_key=True
    )
    document: Mapped[str] = mapped_column(Text)
