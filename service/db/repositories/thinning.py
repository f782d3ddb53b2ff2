"""Thins out curves within the database, without losing their extremes.

Every bucket keeps the points with the lowest and the highest value of each measured metric, the
first of equals; a loss that is not finite counts as the highest, so that divergence stays visible.
The ends of a curve are buckets of their own.
"""

import math
from collections.abc import Collection, Sequence

from sqlalchemy import BigInteger, Select, case, cast, func, literal, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.selectable import CTE

from service.contracts.metrics import Metric
from service.db.models import Point

_ENDS = ("lowest", "highest")


def most_kept(most: int, metrics: Sequence[Metric]) -> int:
    """How long a curve may be that is left as it is: as asked for, or one bucket and the ends."""
    return max(most, 2 + 2 * len(metrics))


def kept_steps(
    trial_keys: Collection[int], metrics: Sequence[Metric], most: int
) -> Select[tuple[int, int]]:
    """The key and the step of every point that stays, of curves longer than ``most_kept``.

    Point ``i`` of ``n`` lies in bucket ``⌊(i B - 1) / (n - 2)⌋`` of ``B``: as many points in each
    as can be.

    Args:
        trial_keys: Whose curves.
        metrics: What was measured on them.
        most: How many points of each curve to keep, with ``B = (most - 2) / (2 metrics)``.
    """
    buckets = max((most - 2) // (2 * len(metrics)), 1)
    placed = _placed(_numbered(trial_keys, metrics), metrics, buckets)
    bounded = _bounded(placed, metrics)
    first = _first(bounded, metrics)
    kept = [first.c.position == first.c[_name(metric, at)] for metric in metrics for at in _ENDS]
    return select(first.c.trial_key, first.c.step).where(or_(*kept))


def _numbered(trial_keys: Collection[int], metrics: Sequence[Metric]) -> CTE:
    """Each point with its position in its curve from 0 on, and the curve's length."""
    lengths = (
        select(Point.trial_key, func.count().label("length"))
        .where(Point.trial_key.in_(trial_keys))
        .group_by(Point.trial_key)
        .cte("lengths")
    )
    # A parameter, as neither dialect has a literal for it in common.
    infinite = literal(math.inf)
    position = func.row_number().over(partition_by=Point.trial_key, order_by=Point.step) - 1
    heights = [func.coalesce(getattr(Point, metric), infinite).label(metric) for metric in metrics]
    return (
        select(
            Point.trial_key,
            Point.step,
            cast(position, BigInteger).label("position"),
            lengths.c.length,
            *heights,
        )
        .join(lengths, lengths.c.trial_key == Point.trial_key)
        .cte("numbered")
    )


def _placed(numbered: CTE, metrics: Sequence[Metric], buckets: int) -> CTE:
    """Each point with its bucket; the curve's ends lie in -1 and -2."""
    position, length = numbered.c.position, numbered.c.length
    bucket = case(
        (position == 0, -1),
        (position == length - 1, -2),
        else_=(position * buckets - 1) // (length - 2),
    )
    heights = [numbered.c[metric] for metric in metrics]
    return select(
        numbered.c.trial_key, numbered.c.step, position, bucket.label("bucket"), *heights
    ).cte("placed")


def _bounded(placed: CTE, metrics: Sequence[Metric]) -> CTE:
    """Each point with the lowest and the highest value in its bucket."""
    bounds = [
        _of_bucket(bound, placed).label(_name(metric, at))
        for metric in metrics
        for at, bound in (
            ("lowest", func.min(placed.c[metric])),
            ("highest", func.max(placed.c[metric])),
        )
    ]
    return select(placed, *bounds).cte("bounded")


def _first(bounded: CTE, metrics: Sequence[Metric]) -> CTE:
    """Each point with the positions in its bucket at which those values come first."""
    columns = [
        _of_bucket(
            func.min(case((bounded.c[metric] == bounded.c[_name(metric, at)], bounded.c.position))),
            bounded,
        ).label(_name(metric, at))
        for metric in metrics
        for at in _ENDS
    ]
    return select(bounded.c.trial_key, bounded.c.step, bounded.c.position, *columns).cte("first")


def _of_bucket(value: FunctionElement[float], of: CTE) -> ColumnElement[float]:
    return value.over(partition_by=(of.c.trial_key, of.c.bucket))


def _name(metric: Metric, at: str) -> str:
    return f"{at}_{metric}"
