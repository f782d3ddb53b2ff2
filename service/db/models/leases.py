"""Leases: who of several processes does what only one may do."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base


class Lease(Base):
    """A duty, who has it, and until when in the database's seconds since 1970."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[float]
