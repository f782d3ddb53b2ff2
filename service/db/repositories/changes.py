"""Queries on the changes and the final reports of comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from service.contracts.report import Report
from service.contracts.views import ChangeEvent
from service.db.models import Change, Comparison, FinalReport


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of state, numbered within each comparison."""

    session: Session

    def append(self, comparison_id: str, changes: Sequence[ChangeEvent]) -> tuple[ChangeEvent, ...]:
        """Store changes under the comparison's next numbers; the changes with these numbers."""
        if not changes:
            return ()
        last = self.session.execute(
            update(Comparison)
            .where(Comparison.id == comparison_id)
            .values(last_change=Comparison.last_change + len(changes))
            .returning(Comparison.last_change)
        ).scalar_one()
        first = last - len(changes) + 1
        numbered = tuple(
            change.model_copy(update={"number": number})
            for number, change in enumerate(changes, start=first)
        )
        rows = [{**change.model_dump(), "comparison_id": comparison_id} for change in numbered]
        self.session.execute(insert(Change), rows)
        return numbered

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
