"""Queries on studies: the queue, its claims and its signs of life."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CursorResult, func, insert, select, update
from sqlalchemy.orm import Session

from service.contracts.start import StudyStart
from service.contracts.states import ENDED_STUDIES, StudyKind, StudyState
from service.db.models import Comparison, Study
from service.domain.records import StudyRecord

_LIVE = (StudyState.SUBMITTED, StudyState.RUNNING, StudyState.PAUSING, StudyState.CANCELLING)


@dataclass(frozen=True, slots=True)
class Studies:
    """The stored studies."""

    session: Session

    def add(self, study: StudyRecord) -> None:
        """Store a new study."""
        columns = StudyRecord.__dataclass_fields__.keys() - {"start"}  # nothing has started
        self.session.execute(
            insert(Study).values({column: getattr(study, column) for column in columns})
        )

    def get(self, study_id: str) -> StudyRecord | None:
        """The study of that id, if there is one."""
        query = select(Study).where(Study.id == study_id).execution_options(populate_existing=True)
        row = self.session.scalar(query)
        return _record(row) if row else None

    def of(self, comparison_id: str) -> tuple[StudyRecord, ...]:
        """A comparison's studies by number."""
        query = (
            select(Study)
            .where(Study.comparison_id == comparison_id)
            .order_by(Study.number)
            .execution_options(populate_existing=True)
        )
        return tuple(_record(row) for row in self.session.scalars(query))

    def live(self) -> tuple[StudyRecord, ...]:
        """The studies that a driver may be running, or is to be ended for."""
        query = select(Study).where(Study.state.in_(_LIVE)).order_by(Study.submitted_at)
        return tuple(_record(row) for row in self.session.scalars(query))

    def queued(self) -> tuple[StudyRecord, ...]:
        """The queue: oldest comparison first, then by number."""
        query = (
            select(Study)
            .join(Comparison, Comparison.id == Study.comparison_id)
            .where(Study.state == StudyState.QUEUED)
            .order_by(Comparison.key, Study.number)
        )
        return tuple(_record(row) for row in self.session.scalars(query))

    def claim(self, study_id: str, *, at: datetime) -> bool:
        """Take a queued study for its next attempt; False where someone else did."""
        return self._guarded(
            update(Study)
            .where(Study.id == study_id, Study.state == StudyState.QUEUED)
            .values(
                state=StudyState.SUBMITTED,
                reason="",
                attempt=Study.attempt + 1,
                submitted_at=at,
                last_heartbeat=None,
                start=None,
            )
        )

    def set_state(self, study_id: str, state: StudyState, *, reason: str, at: datetime) -> None:
        """Write a state that the state table allows, and when it began or ended."""
        values: dict[str, object] = {"state": state, "reason": reason}
        if state is StudyState.RUNNING:
            values["started_at"] = func.coalesce(Study.started_at, at)
        values["ended_at"] = at if state in ENDED_STUDIES else None
        self.session.execute(update(Study).where(Study.id == study_id).values(**values))

    def set_reason(self, study_id: str, reason: str) -> None:
        """Say why a queued study waits."""
        self.session.execute(
            update(Study)
            .where(Study.id == study_id, Study.state == StudyState.QUEUED)
            .values(reason=reason)
        )

    def set_fruitless(self, study_id: str, fruitless: int, *, reached: int) -> None:
        """Write how many attempts in a row brought nothing new, and how far the trials are."""
        values = {"fruitless": fruitless, "reached": reached}
        self.session.execute(update(Study).where(Study.id == study_id).values(values))

    def grow(self, study_id: str, trials: int) -> None:
        """Count the trials that a study has gained."""
        values = {"trials": Study.trials + trials}
        self.session.execute(update(Study).where(Study.id == study_id).values(values))

    def excuse(self, study_id: str) -> None:
        """Count one attempt more that spends nothing."""
        values = {"excused": Study.excused + 1}
        self.session.execute(update(Study).where(Study.id == study_id).values(values))

    def set_start(self, study_id: str, attempt: int, start: StudyStart) -> None:
        """Write what the start of the current attempt took, where that is not written yet."""
        self.session.execute(
            update(Study)
            .where(Study.id == study_id, Study.attempt == attempt, Study.start.is_(None))
            .values(start=start.model_dump(mode="json"))
        )

    def beat(self, study_id: str, attempt: int, *, at: datetime) -> bool:
        """Note a sign of life; False where that attempt is not running."""
        return self._guarded(
            update(Study)
            .where(
                Study.id == study_id,
                Study.attempt == attempt,
                Study.state == StudyState.RUNNING,
            )
            .values(last_heartbeat=at)
        )

    def last_heartbeats(self, comparison_ids: Collection[str]) -> Mapping[str, datetime]:
        """When a driver of each comparison was last heard of."""
        query = (
            select(Study.comparison_id, func.max(Study.last_heartbeat))
            .where(Study.comparison_id.in_(comparison_ids), Study.last_heartbeat.is_not(None))
            .group_by(Study.comparison_id)
        )
        return {identity: latest for identity, latest in self.session.execute(query) if latest}

    def finals(self, comparison_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
        """The problems of each comparison whose finals have been queued."""
        query = select(Study.comparison_id, Study.problem).where(
            Study.comparison_id.in_(comparison_ids), Study.kind == StudyKind.FINALS
        )
        found: dict[str, set[str]] = {}
        for identity, problem in self.session.execute(query):
            found.setdefault(identity, set()).add(problem)
        return {identity: frozenset(problems) for identity, problems in found.items()}

    def _guarded(self, statement: object) -> bool:
        result = self.session.execute(statement)  # type: ignore[call-overload]
        assert isinstance(result, CursorResult)
        return result.rowcount == 1


def _record(row: Study) -> StudyRecord:
    return StudyRecord(
        id=row.id,
        comparison_id=row.comparison_id,
        number=row.number,
        kind=StudyKind(row.kind),
        problem=row.problem,
        contender=row.contender,
        state=StudyState(row.state),
        reason=row.reason,
        attempt=row.attempt,
        fruitless=row.fruitless,
        excused=row.excused,
        reached=row.reached,
        trials=row.trials,
        cpus=row.cpus,
        gpus=row.gpus,
        fewest_workers=row.fewest_workers,
        most_workers=row.most_workers,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        last_heartbeat=row.last_heartbeat,
        started_at=row.started_at,
        ended_at=row.ended_at,
        start=StudyStart.model_validate(row.start) if row.start else None,
        memory=row.memory,
    )
