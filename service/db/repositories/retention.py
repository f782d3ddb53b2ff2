"""Queries on what comparisons take up, and their removal."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from service.contracts.states import ENDED_COMPARISONS
from service.db.models import Comparison, LogChunk, Point, Study, Trial
from service.domain.retention import Weight


@dataclass(frozen=True, slots=True)
class Retention:
    """The stored comparisons, as what takes up room."""

    session: Session

    def ended_before(self, moment: datetime) -> tuple[str, ...]:
        """The ids of the comparisons that ended before a moment, oldest first."""
        query = (
            select(Comparison.id)
            .where(Comparison.state.in_(ENDED_COMPARISONS), Comparison.ended_at < moment)
            .order_by(Comparison.key)
        )
        return tuple(self.session.scalars(query))

    def weigh(self, comparison_ids: Collection[str]) -> Weight:
        """What these have."""
        trials = points = characters = 0
        for one in comparison_ids:  # one by one, as an IN has its limit
            own = select(Trial.key).where(Trial.comparison_id == one)
            trials += self._sum(select(func.count()).select_from(own.subquery()))
            points += self._sum(select(func.count(Point.step)).where(Point.trial_key.in_(own)))
            characters += self._sum(
                select(func.sum(Study.log_characters)).where(Study.comparison_id == one)
            )
        return Weight(len(comparison_ids), trials, points, characters)

    def forget_logs(self, comparison_id: str) -> None:
        """Remove a comparison's log alone, if it has ended."""
        ended = select(Comparison.id).where(
            Comparison.id == comparison_id, Comparison.state.in_(ENDED_COMPARISONS)
        )
        self.session.execute(delete(LogChunk).where(LogChunk.comparison_id.in_(ended)))
        self.session.execute(
            update(Study).where(Study.comparison_id.in_(ended)).values(log_characters=0)
        )

    def _sum(self, query: Select[Any]) -> int:
        return int(self.session.scalar(query) or 0)
