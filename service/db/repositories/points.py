"""Queries on metric points and lifecycle events: the hot path of ingest."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.orm import Session

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.db.models import LifecycleEvent, Point
from service.db.repositories.bulk import row, write_points
from service.db.repositories.thinning import kept_steps, most_kept
from service.db.repositories.upserts import insert_or
from service.domain.rows import PointColumns

_FIGURES = tuple(name for name in MetricPoint.model_fields if name in Point.__table__.c)
_COLUMNS = (Point.trial_key, *(getattr(Point, name) for name in _FIGURES))
_KEYS_A_QUERY = 10_000
"""SQLite takes 32,766 parameters."""


@dataclass(frozen=True, slots=True)
class Points:
    """The stored metric points, one for each epoch of each trial."""

    session: Session

    def upsert(self, attempt: int, points: Sequence[tuple[int, MetricPoint]]) -> None:
        """Store points by trial key, the last of a step; an equal or higher attempt overwrites.

        INSERT … ON CONFLICT (trial_key, step) DO UPDATE … WHERE excluded.attempt >= attempt.
        """
        last = {(key, point.step): point for key, point in points}
        rows = [row(key, attempt, point) for (key, _), point in last.items()]
        if rows:
            write_points(self.session.connection(), rows)

    def drop_after(self, trial_key: int, epoch: int) -> None:
        """Forget the points of a trial after an epoch."""
        self.session.execute(delete(Point).where(Point.trial_key == trial_key, Point.epoch > epoch))

    def of(self, trial_keys: Collection[int]) -> Mapping[int, tuple[MetricPoint, ...]]:
        """The points of trials by key, in the order of their steps."""
        found: dict[int, list[MetricPoint]] = {key: [] for key in trial_keys}
        for keys in _some(tuple(trial_keys)):
            self._read(select(*_COLUMNS).where(Point.trial_key.in_(keys)), found)
        return {key: tuple(points) for key, points in found.items()}

    def columns(self, trial_keys: Sequence[int]) -> Mapping[int, PointColumns]:
        """The same figure by figure, at a fifth of the cost: what exports read."""
        found: dict[int, PointColumns] = {key: {} for key in trial_keys}
        for keys in _some(trial_keys):
            query = select(*_COLUMNS).where(Point.trial_key.in_(keys))
            rows = self.session.connection().execute(query.order_by(Point.trial_key, Point.step))
            for key, own in groupby(rows, key=itemgetter(0)):
                _, *figures = zip(*own, strict=True)
                found[key] = dict(zip(_FIGURES, figures, strict=True))
        return found

    def thinned(
        self, trial_keys: Collection[int], most: int
    ) -> Mapping[int, tuple[MetricPoint, ...]]:
        """At most so many points of each trial, or one bucket's where that is more.

        The ends of each curve, and of each bucket the extremes of each metric; see ``thinning``.
        """
        found: dict[int, list[MetricPoint]] = {key: [] for key in trial_keys}
        for keys in _some(tuple(trial_keys)):
            whole, long = self._by_length(keys, most)
            self._read(select(*_COLUMNS).where(Point.trial_key.in_(whole)), found)
            for metrics, thin in long.items():
                kept = kept_steps(thin, metrics, most).subquery()
                here = and_(Point.trial_key == kept.c.trial_key, Point.step == kept.c.step)
                self._read(select(*_COLUMNS).join(kept, here), found)
        return {key: tuple(points) for key, points in found.items()}

    def _by_length(
        self, trial_keys: Collection[int], most: int
    ) -> tuple[list[int], Mapping[tuple[Metric, ...], list[int]]]:
        """The trials whose points are few, and the others by the metrics that they have."""
        measured = [func.count(getattr(Point, metric)) for metric in Metric]
        query = (
            select(Point.trial_key, func.count(), *measured)
            .where(Point.trial_key.in_(trial_keys))
            .group_by(Point.trial_key)
        )
        whole: list[int] = []
        long: dict[tuple[Metric, ...], list[int]] = defaultdict(list)
        for key, length, *counts in self.session.execute(query):
            metrics = tuple(
                metric
                for metric, count in zip(Metric, counts, strict=True)
                if count or metric is Metric.TRAIN_LOSS
            )
            few = length <= most_kept(most, metrics)
            (whole if few else long[metrics]).append(key)
        return whole, long

    def _read(self, query: Select[tuple[Any, ...]], found: Mapping[int, list[MetricPoint]]) -> None:
        """Add the points that a query finds, in the order of their steps."""
        for key, *figures in self.session.execute(query.order_by(Point.trial_key, Point.step)):
            point = MetricPoint.model_construct(**dict(zip(_FIGURES, figures, strict=True)))
            found[key].append(point)


def _some(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    """The keys in parts that one query takes."""
    return (keys[first : first + _KEYS_A_QUERY] for first in range(0, len(keys), _KEYS_A_QUERY))


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
