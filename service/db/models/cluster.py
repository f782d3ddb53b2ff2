"""The dispatcher's latest snapshot of the cluster: one row."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from service.db.models.base import Base, Json


class Cluster(Base):
    """What the cluster has, and whether it answered."""

    __tablename__ = "cluster"

    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    reachable: Mapped[bool]
    nodes: Mapped[list[Any]] = mapped_column(Json)
    message: Mapped[str]
