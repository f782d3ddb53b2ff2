"""Queries on comparisons, their changes and their reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from service.contracts.plan import Seeds
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_COMPARISONS, ComparisonState
from service.contracts.views import ChangeEvent
from service.db.models import Change, Comparison, FinalReport
from service.domain.records import ComparisonRecord


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The stored comparisons."""

    session: Session

    def add(self, record: ComparisonRecord) -> None:
        """Store a new comparison."""
        self.session.execute(
            insert(Comparison).values(
                id=record.id,
                name=record.name,
                state=record.state,
                reason=record.reason,
                owner=record.owner,
                owner_key=record.owner_key,
                created_at=record.created_at,
                started_at=record.started_at,
                ended_at=record.ended_at,
                last_change=record.last_change,
                verdict=record.verdict,
                spec=record.spec.model_dump(mode="json"),
                seeds=record.seeds.model_dump(mode="json"),
                cancelled=list(record.cancelled),
            )
        )

    def get(self, comparison_id: str) -> ComparisonRecord | None:
        """The comparison of that id, if there is one."""
        row = self.session.scalar(select(Comparison).where(Comparison.id == comparison_id))
        return _record(row) if row else None

    def lock(self, comparison_id: str, *, wait: bool = True) -> ComparisonRecord | None:
        """The comparison, held until the unit of work ends (SQLite holds the whole database)."""
        query = (
            select(Comparison)
            .where(Comparison.id == comparison_id)
            .with_for_update(skip_locked=not wait)
            .execution_options(populate_existing=True)
        )
        row = self.session.scalar(query)
        return _record(row) if row else None

    def page(
        self, limit: int, *, before: str | None, state: ComparisonState | None
    ) -> tuple[ComparisonRecord, ...]:
        """Some comparisons, newest first, from the one after ``before`` on."""
        query = select(Comparison).order_by(Comparison.key.desc()).limit(limit)
        if before is not None:
            edge = select(Comparison.key).where(Comparison.id == before).scalar_subquery()
            query = query.where(Comparison.key < edge)
        if state is not None:
            query = query.where(Comparison.state == state)
        return tuple(_record(row) for row in self.session.scalars(query))

    def live(self) -> tuple[tuple[str, int], ...]:
        """Id and last change of the comparisons that have not ended, oldest first."""
        query = (
            select(Comparison.id, Comparison.last_change)
            .where(Comparison.state.not_in(ENDED_COMPARISONS))
            .order_by(Comparison.key)
        )
        return tuple((identity, change) for identity, change in self.session.execute(query))

    def set_state(
        self, comparison_id: str, state: ComparisonState, *, reason: str, at: datetime
    ) -> None:
        """Write a state that the state table allows, and when it began or ended."""
        values: dict[str, object] = {"state": state, "reason": reason}
        if state is ComparisonState.RUNNING:
            values["started_at"] = func.coalesce(Comparison.started_at, at)
        values["ended_at"] = at if state in ENDED_COMPARISONS else None
        self._update(comparison_id, values)

    def set_plan(self, comparison_id: str, spec: ComparisonSpec, seeds: Seeds) -> None:
        """Write what the comparison is since it was extended."""
        values: dict[str, object] = {
            "spec": spec.model_dump(mode="json"),
            "seeds": seeds.model_dump(mode="json"),
        }
        self._update(comparison_id, values)

    def set_cancelled(self, comparison_id: str, contenders: Sequence[str]) -> None:
        """Write which contenders were cancelled."""
        self._update(comparison_id, {"cancelled": list(contenders)})

    def set_verdict(self, comparison_id: str, verdict: str | None) -> None:
        """Write the verdict's sentence, or that there is none yet."""
        self._update(comparison_id, {"verdict": verdict})

    def _update(self, comparison_id: str, values: dict[str, object]) -> None:
        self.session.execute(
            update(Comparison).where(Comparison.id == comparison_id).values(**values)
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of state, numbered within each comparison."""

    session: Session

    def append(self, comparison_id: str, changes: Sequence[ChangeEvent]) -> None:
        """Store changes under the comparison's next numbers, whatever numbers they carry."""
        if not changes:
            return
        last = self.session.execute(
            update(Comparison)
            .where(Comparison.id == comparison_id)
            .values(last_change=Comparison.last_change + len(changes))
            .returning(Comparison.last_change)
        ).scalar_one()
        first = last - len(changes) + 1
        rows = [
            {**change.model_dump(), "comparison_id": comparison_id, "number": first + offset}
            for offset, change in enumerate(changes)
        ]
        self.session.execute(insert(Change), rows)

    def after(self, comparison_id: str, number: int, *, limit: int) -> tuple[ChangeEvent, ...]:
        """The changes with higher numbers, in order."""
        query = (
            select(Change)
            .where(Change.comparison_id == comparison_id, Change.number > number)
            .order_by(Change.number)
            .limit(limit)
        )
        return tuple(
            ChangeEvent(
                number=row.number,
                at=row.at,
                subject=row.subject,
                subject_id=row.subject_id,
                before=row.before,
                after=row.after,
                actor=row.actor,
                reason=row.reason,
            )
            for row in self.session.scalars(query)
        )


@dataclass(frozen=True, slots=True)
class Reports:
    """The final reports."""

    session: Session

    def get(self, comparison_id: str) -> Report | None:
        """The latest final report of a comparison, once there is one."""
        row = self.session.get(FinalReport, comparison_id)
        return Report.model_validate(row.body) if row else None

    def put(self, report: Report) -> None:
        """Store a final report, in the place of one from before an extension."""
        row = FinalReport(
            comparison_id=report.comparison_id,
            created_at=report.generated_at,
            body=report.model_dump(mode="json"),
        )
        self.session.merge(row)


def _record(row: Comparison) -> ComparisonRecord:
    return ComparisonRecord(
        id=row.id,
        name=row.name,
        state=ComparisonState(row.state),
        reason=row.reason,
        owner=row.owner,
        owner_key=row.owner_key,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        last_change=row.last_change,
        verdict=row.verdict,
        spec=ComparisonSpec.model_validate(row.spec),
        seeds=Seeds.model_validate(row.seeds),
        cancelled=tuple(row.cancelled),
    )
