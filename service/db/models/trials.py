"""Trials, their lifecycle events and their metric points."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base


class Trial(Base):
    """A training run; the columns from ``last_step`` on repeat its points, for cheap lists."""

    __tablename__ = "trials"

    key: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE")
    )
    study_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("studies.id", ondelete="CASCADE"), index=True
    )
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    problem: Mapped[str] = mapped_column(String(64))
    contender: Mapped[str] = mapped_column(String(64))
    optimizer: Mapped[str] = mapped_column(String(64))
    point: Mapped[dict[str, Any]]
    settings: Mapped[dict[str, Any]]
    seed: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    failure: Mapped[str | None] = mapped_column(String(16))
    message: Mapped[str]
    attempt: Mapped[int]
    environment: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    last_step: Mapped[int | None]
    highest_step: Mapped[int | None]
    epochs_done: Mapped[int]
    best_loss: Mapped[float | None]
    final_loss: Mapped[float | None]
    training_seconds: Mapped[float | None]
    worker_seconds: Mapped[float | None]
    usage: Mapped[dict[str, Any] | None]

    __table_args__ = (
        UniqueConstraint("comparison_id", "number"),
        Index(
            "ix_trials_tally",  # all that a tally of many comparisons reads, without their rows
            "comparison_id",
            "kind",
            "contender",
            "state",
            "epochs_done",
            "best_loss",
            "worker_seconds",
        ),
    )


class LifecycleEvent(Base):
    """The key of a lifecycle event that was taken; a second one with it is a repeat."""

    __tablename__ = "lifecycle_events"

    trial_key: Mapped[int] = mapped_column(
        ForeignKey("trials.key", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)


class Point(Base):
    """The figures of one epoch of a trial, as compact as they can be."""

    __tablename__ = "points"

    trial_key: Mapped[int] = mapped_column(
        ForeignKey("trials.key", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[int] = mapped_column(primary_key=True)
    attempt: Mapped[int]
    epoch: Mapped[int]
    training_seconds: Mapped[float]
    elapsed_seconds: Mapped[float]
    process_seconds: Mapped[float]
    gradient_evaluations: Mapped[float]
    train_loss: Mapped[float | None]
    test_loss: Mapped[float | None]
    validation_loss: Mapped[float | None]
    train_accuracy: Mapped[float | None]
    validation_accuracy: Mapped[float | None]
    test_accuracy: Mapped[float | None]
    ranks: Mapped[int] = mapped_column(server_default="1")

    __table_args__ = ({"sqlite_with_rowid": False},)
