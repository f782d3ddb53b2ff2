"""Queries on the snapshot of the cluster."""

from dataclasses import asdict, dataclass

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from service.db.models import Cluster
from service.domain.records import Capacity, Node

_ROW = 1


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """What the dispatcher last saw of the cluster."""

    session: Session

    def put(self, capacity: Capacity) -> None:
        """Store the latest snapshot in place of the one before."""
        self.session.execute(delete(Cluster).where(Cluster.key == _ROW))
        self.session.execute(insert(Cluster).values(key=_ROW, **asdict(capacity)))

    def get(self) -> Capacity | None:
        """The latest snapshot, if any."""
        row = self.session.get(Cluster, _ROW)
        if row is None:
            return None
        return Capacity(
            at=row.at,
            reachable=row.reachable,
            nodes=tuple(Node(**node) for node in row.nodes),
            message=row.message,
        )
