"""What drivers and trials printed."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base


class LogChunk(Base):
    """A chunk; ``key`` grows within a comparison, whose lock its writers hold."""

    __tablename__ = "log_chunks"

    key: Mapped[int] = mapped_column(primary_key=True)
    comparison_id: Mapped[str] = mapped_column(
        String(16), ForeignKey("comparisons.id", ondelete="CASCADE")
    )
    study_id: Mapped[str] = mapped_column(String(32), ForeignKey("studies.id", ondelete="CASCADE"))
    trial_id: Mapped[str | None] = mapped_column(String(32))
    rank: Mapped[int] = mapped_column(server_default="0")
    attempt: Mapped[int]
    number: Mapped[int]
    at: Mapped[datetime]
    text: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("study_id", "attempt", "number"),
        Index(None, "comparison_id", "key"),
    )
