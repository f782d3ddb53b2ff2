"""Studies: the queue of the dispatcher."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base


class Study(Base):
    """A study; one Ray job an attempt."""

    __tablename__ = "studies"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE")
    )
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    problem: Mapped[str] = mapped_column(String(64))
    contender: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    reason: Mapped[str]
    attempt: Mapped[int]
    fruitless: Mapped[int]
    excused: Mapped[int] = mapped_column(server_default="0")
    reached: Mapped[int]
    trials: Mapped[int]
    cpus: Mapped[float]
    gpus: Mapped[float]
    fewest_workers: Mapped[int] = mapped_column(server_default="1")
    most_workers: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    last_heartbeat: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    start: Mapped[dict[str, Any] | None]
    memory: Mapped[int] = mapped_column(BigInteger, server_default="0")
    log_characters: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """Of its stored log, over all attempts."""

    __table_args__ = (UniqueConstraint("comparison_id", "number"),)
