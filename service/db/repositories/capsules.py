"""Queries on the capsules that comparisons run again."""

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from service.contracts.capsule import Capsule
from service.db.models import RerunCapsule


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
