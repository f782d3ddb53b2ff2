"""Queries on the capsules that comparisons run again, and on those that are made of them."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from service.contracts.capsule import Capsule
from service.db.models import MadeCapsule, RerunCapsule


@dataclass(frozen=True, slots=True)
class Capsules:
    """The stored capsules."""

    session: Session

    def add(self, comparison_id: str, capsule: Capsule) -> None:
        """Store what a new comparison runs again."""
        body = capsule.model_dump(mode="json")
        self.session.execute(insert(RerunCapsule).values(comparison_id=comparison_id, body=body))

    def get(self, comparison_id: str) -> Capsule | None:
        """What a comparison runs again; None where it is no rerun."""
        query = select(RerunCapsule.body).where(RerunCapsule.comparison_id == comparison_id)
        body = self.session.scalar(query)
        return None if body is None else Capsule.model_validate(body)

    def keep(self, comparison_id: str, document: str | None) -> None:
        """Store what was made of a comparison, in the place of one from before an extension."""
        before = delete(MadeCapsule).where(MadeCapsule.comparison_id == comparison_id)
        self.session.execute(before)
        if document is not None:
            values = {"comparison_id": comparison_id, "document": document}
            self.session.execute(insert(MadeCapsule).values(values))

    def kept(self, comparison_id: str) -> str | None:
        """The latest capsule that was made of a comparison, as it was stored."""
        query = select(MadeCapsule.document).where(MadeCapsule.comparison_id == comparison_id)
        return self.session.scalar(query)
