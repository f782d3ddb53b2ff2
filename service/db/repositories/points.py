"""Queries on metric points and lifecycle events: the hot path of ingest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service.contracts.events import MetricPoint
from service.db.models import LifecycleEvent, Point
from service.db.repositories.upserts import insert_or

_FIGURES = tuple(MetricPoint.model_fields)


@dataclass(frozen=True, slots=True)
class Points:
    """The stored metric points, one for each epoch of each trial."""

    session: Session

    def upsert(self, attempt: int, points: Sequence[tuple[int, MetricPoint]]) -> None:
        """Store points by trial key; an equal or higher attempt overwrites.

        INSERT … ON CONFLICT (trial_key, step) DO UPDATE … WHERE excluded.attempt >= attempt.
        """
        if not points:
            return
        rows = [{"trial_key": key, "attempt": attempt, **point.__dict__} for key, point in points]
        statement = insert_or(self.session, Point)
        statement = statement.on_conflict_do_update(
            index_elements=[Point.trial_key, Point.step],
            set_={
                column: statement.excluded[column]
                for column in ("attempt", *_FIGURES)
                if column != "step"
            },
            where=statement.excluded.attempt >= Point.attempt,
        )
        self.session.connection().execute(statement, rows)

    def drop_after(self, trial_key: int, epoch: int) -> None:
        """Forget the points of a trial after an epoch."""
        self.session.execute(delete(Point).where(Point.trial_key == trial_key, Point.epoch > epoch))

    def of(self, trial_keys: Collection[int]) -> Mapping[int, tuple[MetricPoint, ...]]:
        """The points of trials by key, in the order of their steps."""
        columns = [getattr(Point, name) for name in _FIGURES]
        query = (
            select(Point.trial_key, *columns)
            .where(Point.trial_key.in_(trial_keys))
            .order_by(Point.trial_key, Point.step)
        )
        found: dict[int, list[MetricPoint]] = {key: [] for key in trial_keys}
        for key, *figures in self.session.execute(query):
            point = MetricPoint.model_construct(**dict(zip(_FIGURES, figures, strict=True)))
            found[key].append(point)
        return {key: tuple(points) for key, points in found.items()}


@dataclass(frozen=True, slots=True)
class Events:
    """The keys of the lifecycle events that were taken."""

    session: Session

    def first(self, trial_key: int, attempt: int, number: int) -> bool:
        """Note an event; False where it was noted before."""
        statement = (
            insert_or(self.session, LifecycleEvent)
            .values(trial_key=trial_key, attempt=attempt, number=number)
            .on_conflict_do_nothing()
            .returning(LifecycleEvent.number)
        )
        return self.session.scalar(statement) is not None
