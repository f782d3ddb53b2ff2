"""What the pages say of moments, intervals and outcomes; figures are written by the contracts."""

from collections.abc import Mapping
from datetime import UTC, datetime

from service.contracts import numbers
from service.contracts.metrics import Metric
from service.contracts.profiles import Profile
from service.contracts.report import Interval, TimeTo
from service.contracts.space import Dimension, Space, Values, scale_of
from service.contracts.spec import Outcome

CLIENT = ".venv/bin/python -m api.client"
"""The client's command as it stands in a checkout."""

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.TRAINING_SECONDS: "training seconds to the target",
    Outcome.EPOCHS: "epochs to the target",
    Outcome.STEPS: "steps to the target",
    Outcome.FINAL_LOSS: "final loss",
}


def ago(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was: ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    return numbers.DASH if moment is None else numbers.age((now - aware(moment)).total_seconds())


def aware(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken to be in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def span(value: Interval | TimeTo) -> str:
    """An interval's bounds: ``11.9–13.0``; empty where there are none."""
    return numbers.span(value.low, value.high)


def metric_value(value: float | None, metric: Metric) -> str:
    """A value of a metric: ``59.12``, ``98.35``."""
    return numbers.write_of(metric)(value)


def metric_span(value: Interval, metric: Metric) -> str:
    """The bounds of a metric: ``59.12–60.3``, ``98.20–98.50``."""
    return numbers.span(value.low, value.high, write=numbers.write_of(metric))


def with_span(value: Interval) -> str:
    """A median with its bounds: ``0.410 (0.370–0.460)``."""
    return numbers.with_span(value.median, value.low, value.high)


def ratio_span(value: Interval) -> str:
    """The bounds of a ratio: ``0.37–0.46``."""
    return numbers.span(value.low, value.high, write=numbers.ratio)


def score_span(profile: Profile) -> str:
    """The bounds of a profile's score: ``0.81–0.90``."""
    return numbers.span(profile.low, profile.high, write=numbers.score)


def reach(dimension: Dimension) -> str:
    """What is searched of a setting: ``0.001–1``, ``true, false``."""
    if isinstance(dimension, Values):
        return ", ".join(map(numbers.setting, dimension.values))
    low, high = map(numbers.setting, dimension.bounds)
    return f"{low}{numbers.DASH}{high}"


def axes(space: Space) -> dict[str, dict[str, object]]:
    """The axis of each setting: a number's scale and bounds, the values of anything else.

    A conditional one is missing from some points.
    """
    return {
        name: {**_reach_of_axis(dimension), "conditional": bool(dimension.when)}
        for name, dimension in space.items()
    }


def _reach_of_axis(dimension: Dimension) -> dict[str, object]:
    scale = scale_of(dimension)
    if isinstance(dimension, Values) and scale is None:
        return {"scale": "category", "values": dimension.values}
    return {"scale": scale, "bounds": dimension.bounds}
