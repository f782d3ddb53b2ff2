"""Queries over all rows: how many are in which state, and what waits longest."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.contracts.states import ComparisonState, StudyState, TrialState
from service.db.models import Change, Comparison, Study, Trial
from service.domain.standing import Standing

StateT = TypeVar("StateT", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class StandingOfAll:
    """How all stands."""

    session: Session

    def now(self) -> Standing:
        """Counts and the oldest of those that wait."""
        return Standing(
            comparisons=self._counts(ComparisonState, Comparison.state),
            studies=self._counts(StudyState, Study.state),
            trials=self._counts(TrialState, Trial.state),
            lost_attempts=self._lost(),
            queued_since=self._oldest(StudyState.QUEUED, Study.created_at),
            submitted_since=self._oldest(StudyState.SUBMITTED, Study.submitted_at),
            silent_since=self._oldest(StudyState.RUNNING, Study.last_heartbeat),
        )

    def _lost(self) -> int:
        """Changes by which a study lost its driver; a person's are others, by way of pausing."""
        query = select(func.count()).where(
            Change.subject == "study",
            Change.before.in_((StudyState.SUBMITTED, StudyState.RUNNING)),
            Change.after.in_((StudyState.QUEUED, StudyState.FAILED)),
        )
        return self.session.scalar(query) or 0

    def _counts(self, kind: type[StateT], column: InstrumentedAttribute[str]) -> dict[StateT, int]:
        """How many rows are in each state, those included that none is in."""
        found = self.session.execute(select(column, func.count()).group_by(column))
        return dict.fromkeys(kind, 0) | {kind(state): count for state, count in found}

    def _oldest(
        self,
        state: StudyState,
        column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    ) -> datetime | None:
        return self.session.scalar(select(func.min(column)).where(Study.state == state))
