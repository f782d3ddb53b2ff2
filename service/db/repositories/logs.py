"""Queries on what drivers and trials printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.contracts.logs import LogChunk, LogEntry
from service.db.models import LogChunk as Row
from service.db.repositories.upserts import insert_or
from service.domain.records import StudyRecord


@dataclass(frozen=True, slots=True)
class Logs:
    """The stored chunks."""

    session: Session

    def add(self, study: StudyRecord, chunks: Sequence[LogChunk]) -> None:
        """Store chunks of the study's attempt; one whose number is there already is a repeat."""
        if not chunks:
            return
        rows = [
            {
                "comparison_id": study.comparison_id,
                "study_id": study.id,
                "attempt": study.attempt,
                **chunk.__dict__,
            }
            for chunk in chunks
        ]
        statement = insert_or(self.session, Row).on_conflict_do_nothing()
        self.session.connection().execute(statement, rows)

    def known(self, study: StudyRecord, numbers: Sequence[int]) -> frozenset[int]:
        """Those of the numbers that the study's attempt has sent before."""
        query = select(Row.number).where(
            Row.study_id == study.id, Row.attempt == study.attempt, Row.number.in_(numbers)
        )
        return frozenset(self.session.scalars(query))

    def characters(self, study_id: str) -> int:
        """How much a study has printed so far, over all attempts."""
        query = select(func.coalesce(func.sum(func.length(Row.text)), 0))
        return self.session.scalar(query.where(Row.study_id == study_id)) or 0

    def page(
        self,
        comparison_id: str,
        *,
        study_id: str | None,
        trial_id: str | None,
        after: int,
        limit: int,
    ) -> tuple[LogEntry, ...]:
        """Entries of a comparison with higher numbers, in order."""
        query = select(Row).where(Row.comparison_id == comparison_id, Row.key > after)
        if study_id is not None:
            query = query.where(Row.study_id == study_id)
        if trial_id is not None:
            query = query.where(Row.trial_id == trial_id)
        return tuple(map(_entry, self.session.scalars(query.order_by(Row.key).limit(limit))))


def _entry(row: Row) -> LogEntry:
    return LogEntry(
        number=row.key,
        study_id=row.study_id,
        trial_id=row.trial_id,
        attempt=row.attempt,
        at=row.at,
        text=row.text,
    )
