"""Queries on the snapshot of the cluster."""

from dataclasses import asdict, dataclass

from sqlalchemy.orm import Session

from service.db.models import Cluster
from service.db.repositories.upserts import insert_or
from service.domain.records import Capacity, Node

_ROW = 1


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """What the dispatcher last saw of the cluster."""

    session: Session

    def put(self, capacity: Capacity) -> None:
        """Store the latest snapshot in place of the one before."""
        values = asdict(capacity)
        statement = insert_or(self.session, Cluster).values(key=_ROW, **values)
        self.session.execute(
            statement.on_conflict_do_update(index_elements=[Cluster.key], set_=values)
        )

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
