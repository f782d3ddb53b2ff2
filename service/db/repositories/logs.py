"""Queries on what drivers and trials printed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from service.contracts.logs import LogChunk, LogEntry
from service.db.models import LogChunk as Row
from service.db.models import Study
from service.db.repositories.upserts import insert_or
from service.domain.records import StudyRecord


@dataclass(frozen=True, slots=True)
class Logs:
    """The stored chunks."""

    session: Session

    def add(self, study: StudyRecord, chunks: Sequence[LogChunk]) -> None:
        """Store chunks of the study's attempt that are not there yet, and count their length."""
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
        more = sum(len(chunk.text) for chunk in chunks)
        self.session.execute(
            update(Study)
            .where(Study.id == study.id)
            .values(log_characters=Study.log_characters + more)
        )

    def known(self, study: StudyRecord, numbers: Sequence[int]) -> frozenset[int]:
        """Those of the numbers that the study's attempt has sent before."""
        query = select(Row.number).where(
            Row.study_id == study.id, Row.attempt == study.attempt, Row.number.in_(numbers)
        )
        return frozenset(self.session.scalars(query))

    def characters(self, study_id: str) -> int:
        """How much a study has printed so far, over all attempts."""
        query = select(Study.log_characters).where(Study.id == study_id)
        return self.session.scalar(query) or 0

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
        rank=row.rank,
        attempt=row.attempt,
        at=row.at,
        text=row.text,
    )
