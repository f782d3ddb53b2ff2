"""Search spaces: the ranges and lists from which a contender's settings are drawn."""

import math
from typing import Annotated, Any, TypeGuard

from pydantic import Discriminator, Field, Tag, field_validator

from service.contracts.base import Contract, SettingValue

MOST_VALUES = 100
"""Values of one setting: a list that a person can read."""

Points = Annotated[int, Field(ge=2, le=MOST_VALUES)]
"""How many values a grid takes from a range, both ends included."""


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if low >= high:
        raise ValueError(f"low must be below high, got [{low:g}, {high:g}]")
    return bounds


class LogRange(Contract):
    """Values spread evenly over the logarithm, from ``low`` to ``high``."""

    log: tuple[float, float]
    points: Points | None = None
    """Values of a grid, both ends included; other searches take any value."""

    @field_validator("log")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        if bounds[0] <= 0:
            raise ValueError(f"low must be > 0 on a log scale, got {bounds[0]:g}")
        return _ordered(bounds)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.log

    def at(self, share: float) -> float:
        """The value at a share from 0 to 1 of the way from the lowest to the highest."""
        low, high = map(math.log, self.log)
        return math.exp(low + share * (high - low))

    def share(self, value: float) -> float:
        """How far along the scale a value lies, from 0 to 1."""
        low, high = map(math.log, self.log)
        return (math.log(value) - low) / (high - low)


class LinearRange(Contract):
    """Values spread evenly from ``low`` to ``high``."""

    linear: tuple[float, float]
    points: Points | None = None
    """Values of a grid, both ends included; other searches take any value."""

    @field_validator("linear")
    @classmethod
    def _ordered(cls, bounds: tuple[float, float]) -> tuple[float, float]:
        return _ordered(bounds)

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.linear

    def at(self, share: float) -> float:
        """The value at a share from 0 to 1 of the way from the lowest to the highest."""
        low, high = self.linear
        return low + share * (high - low)

    def share(self, value: float) -> float:
        """How far along the scale a value lies, from 0 to 1."""
        low, high = self.linear
        return (value - low) / (high - low)


class Values(Contract):
    """One of a list: numbers, words, true and false, or lists of numbers."""

    values: tuple[SettingValue, ...]

    @field_validator("values")
    @classmethod
    def _distinct(cls, values: tuple[SettingValue, ...]) -> tuple[SettingValue, ...]:
        if not 1 <= len(values) <= MOST_VALUES:
            raise ValueError(f"must have 1 to {MOST_VALUES} entries, got {len(values)}")
        for position, value in enumerate(values):
            if value in values[:position]:
                raise ValueError(f"each may stand there once, got {value!r} twice")
        return values

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The lowest and the highest value; None unless there are several, all of them numbers."""
        numbers = [value for value in self.values if is_number(value)]
        if len(numbers) < len(self.values) or len(numbers) < 2:
            return None
        return min(numbers), max(numbers)


def is_number(value: SettingValue) -> TypeGuard[float]:
    """Whether a setting's value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS = {"log": "log range", "linear": "linear range", "values": "list"}
"""The field that tells the kinds of dimension apart, and a tag that is no field's name."""


def _kind(value: Any) -> str | None:
    named = value if isinstance(value, dict) else getattr(type(value), "model_fields", ())
    return next((tag for field, tag in _KINDS.items() if field in named), None)


Range = LogRange | LinearRange

Dimension = Annotated[
    Annotated[LogRange, Tag("log range")]
    | Annotated[LinearRange, Tag("linear range")]
    | Annotated[Values, Tag("list")],
    Discriminator(
        _kind,
        custom_error_type="dimension",
        custom_error_message="must be {log: [low, high]}, {linear: [low, high]} or {values: [...]}",
    ),
]
"""One searched setting: a range, ``{log: [low, high]}`` or ``{linear: [low, high]}``, or a list,
``{values: [0.1, 0.3, 1]}``."""

Space = dict[str, Dimension]
"""Searched settings by name."""


def grid_values(dimension: Dimension) -> int | None:
    """How many values a grid takes there; None for a range that does not say."""
    return len(dimension.values) if isinstance(dimension, Values) else dimension.points


def grid_size(space: Space) -> int:
    """How many points the grid over a space has; a range that does not say counts as one value."""
    return math.prod(grid_values(dimension) or 1 for dimension in space.values())
