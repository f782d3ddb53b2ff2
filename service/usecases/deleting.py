"""The removal of a comparison that has ended, and what is remembered of it."""

from datetime import datetime

from service.contracts.access import Deed
from service.contracts.states import ENDED_COMPARISONS, ENDED_STUDIES
from service.domain.comparison_rows import Deleted
from service.domain.errors import Conflict
from service.domain.ports import UnitOfWork
from service.domain.records import ComparisonRecord
from service.usecases.quotas import month_of


def delete(unit: UnitOfWork, comparison: ComparisonRecord, *, actor: str, now: datetime) -> None:
    """Remove a locked comparison with its rows; the dispatcher removes its checkpoints.

    What it cost this month stays spent, and that it was deleted stays among the deeds.

    Raises:
        Conflict: Where it, or one of its studies, has not ended.
    """
    studies = unit.studies.of(comparison.id)
    ended = all(study.state in ENDED_STUDIES for study in studies)
    if comparison.state not in ENDED_COMPARISONS or not ended:
        raise Conflict(
            f"comparison {comparison.id} is {comparison.state}: only one that has ended can be "
            "deleted; cancel it first"
        )
    deleted = Deleted(
        comparison_id=comparison.id,
        owner_key=comparison.owner_key,
        deleted_at=now,
        worker_seconds=unit.spending.of(comparison.id, since=month_of(now)[0]),
        attempts={study.id: study.attempt for study in studies},
    )
    unit.deeds.note(_deed(comparison, actor, now))
    unit.comparisons.delete(deleted)


def _deed(comparison: ComparisonRecord, actor: str, now: datetime) -> Deed:
    return Deed(
        at=now,
        actor=actor,
        subject="comparison",
        subject_id=comparison.id,
        before=comparison.state,
        after="deleted",
        reason=f"{comparison.name!r} of {comparison.owner}",
    )
