"""Queries on what the comparisons of a key use up."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.contracts.states import ENDED_COMPARISONS
from service.db.models import ApiKey, Comparison, DeletedComparison, Trial


@dataclass(frozen=True, slots=True)
class Spending:
    """What keys have used."""

    session: Session

    def hold(self, key_id: str) -> None:
        """Let nobody else count for this key until the unit of work ends."""
        self.session.execute(select(ApiKey.id).where(ApiKey.id == key_id).with_for_update())

    def comparisons(self, key_id: str) -> int:
        """How many comparisons of the key have not ended."""
        query = (
            select(func.count())
            .select_from(Comparison)
            .where(Comparison.owner_key == key_id, Comparison.state.not_in(ENDED_COMPARISONS))
        )
        return self.session.scalar(query) or 0

    def worker_seconds(self, key_id: str, *, since: datetime) -> float:
        """What the key's trials cost that began since then, those included that were deleted."""
        there = (
            select(func.coalesce(func.sum(Trial.worker_seconds), 0.0))
            .join(Comparison, Comparison.id == Trial.comparison_id)
            .where(Comparison.owner_key == key_id, Trial.started_at >= since)
        )
        deleted = select(func.coalesce(func.sum(DeletedComparison.worker_seconds), 0.0)).where(
            DeletedComparison.owner_key == key_id, DeletedComparison.deleted_at >= since
        )
        return sum(float(self.session.scalar(query) or 0.0) for query in (there, deleted))

    def of(self, comparison_id: str, *, since: datetime) -> float:
        """What a comparison's trials cost that began since then."""
        query = select(func.coalesce(func.sum(Trial.worker_seconds), 0.0)).where(
            Trial.comparison_id == comparison_id, Trial.started_at >= since
        )
        return float(self.session.scalar(query) or 0.0)
