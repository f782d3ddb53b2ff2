"""Thins out curves without losing their extremes."""

import math
from collections.abc import Sequence

from service.contracts.events import MetricPoint


def downsample(points: Sequence[MetricPoint], most: int | None) -> tuple[MetricPoint, ...]:
    """At most ``most`` points (but never fewer than 4): the ends, and each bucket's extremes.

    Every bucket keeps the points with its lowest and its highest training loss; a point whose
    loss is not finite counts as the highest, so that divergence stays visible.
    """
    if most is None or len(points) <= max(most, 4):
        return tuple(points)
    inner = points[1:-1]
    buckets = max((most - 2) // 2, 1)
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        first = 1 + bucket * len(inner) // buckets
        end = 1 + (bucket + 1) * len(inner) // buckets
        indices = range(first, end)
        kept.add(min(indices, key=lambda index: _height(points[index])))
        kept.add(max(indices, key=lambda index: _height(points[index])))
    return tuple(points[index] for index in sorted(kept))


def _height(point: MetricPoint) -> float:
    return math.inf if point.train_loss is None else point.train_loss
