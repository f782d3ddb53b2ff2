"""A plain account of how curves are thinned out, to hold the database's against."""

import math
from collections.abc import Sequence

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric


def downsample(points: Sequence[MetricPoint], most: int | None) -> tuple[MetricPoint, ...]:
    """At most ``most`` points, or one bucket's where that is more: the ends and the extremes.

    Every bucket keeps the points with the lowest and the highest value of each measured metric; a
    loss that is not finite counts as the highest, so that divergence stays visible.
    """
    metrics = _measured(points)
    kept_each = 2 * len(metrics)
    if most is None or len(points) <= max(most, 2 + kept_each):
        return tuple(points)
    inner = points[1:-1]
    buckets = max((most - 2) // kept_each, 1)
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        first = 1 + bucket * len(inner) // buckets
        end = 1 + (bucket + 1) * len(inner) // buckets
        for metric in metrics:
            heights = {index: _height(points[index], metric) for index in range(first, end)}
            kept |= {min(heights, key=heights.__getitem__), max(heights, key=heights.__getitem__)}
    return tuple(points[index] for index in sorted(kept))


def _measured(points: Sequence[MetricPoint]) -> list[Metric]:
    return [
        metric
        for metric in Metric
        if metric is Metric.TRAIN_LOSS or any(point.value(metric) is not None for point in points)
    ]


def _height(point: MetricPoint, metric: Metric) -> float:
    value = point.value(metric)
    return math.inf if value is None else value
