"""Search spaces: the ranges and lists from which a contender's settings are drawn."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator

from service.contracts.base import Contract, SettingValue

MOST_VALUES = 100
"""Values of one setting: a list that a person can read."""

Points = Annotated[int, Field(ge=2, le=MOST_VALUES)]
"""How many values a grid takes from a range, both ends included."""


class _Searched(Contract):
    """What all kinds of dimension have."""

    when: dict[str, tuple[SettingValue, ...]] | None = None
    """Searched only where other settings, which are searched in lists, have one of these values;
    elsewhere the setting keeps its default."""


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if low >= high:
        raise ValueError(f"low must be below high, got [{low:g}, {high:g}]")
    return bounds


class LogRange(_Searched):
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


class LinearRange(_Searched):
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


class Values(_Searched):
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


def scale_of(dimension: "Dimension") -> Literal["log", "linear"] | None:
    """The scale on which a setting is drawn, a list's by its numbers; None where it has none."""
    if not isinstance(dimension, Values):
        return "log" if isinstance(dimension, LogRange) else "linear"
    if dimension.bounds is None:
        return None
    low, high = dimension.bounds
    return "log" if 0 < 10 * low <= high else "linear"


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

MOST_BRANCHES = 10_000
"""Combinations of the settings that others depend on."""


def _conditions(space: dict[str, Dimension]) -> dict[str, Dimension]:
    """Refuse conditions that no point can be held against."""
    for name, dimension in space.items():
        for parent, allowed in (dimension.when or {}).items():
            _check_condition(name, parent, allowed, space)
    _check_circles(space)
    branches = math.prod(len(_listed(space, parent)) for parent in _parents(space))
    if branches > MOST_BRANCHES:
        raise ValueError(
            f"settings that others depend on may have {MOST_BRANCHES:,} combinations of values, "
            f"got {branches:,}"
        )
    return space


def _check_condition(
    name: str, parent: str, allowed: Sequence[SettingValue], space: Mapping[str, Dimension]
) -> None:
    listed = _listed(space, parent)
    if not listed:
        raise ValueError(
            f"{name} depends on {parent}, which must be searched here in {{values: [...]}}"
        )
    if not allowed:
        raise ValueError(f"{name} is never searched: when.{parent} is empty")
    for value in allowed:
        if value not in listed:
            raise ValueError(f"{name} depends on {parent} = {value!r}, which is not searched")


def _check_circles(space: Mapping[str, Dimension]) -> None:
    known: set[str] = set()
    while waiting := space.keys() - known:
        free = {name for name in waiting if known.issuperset(space[name].when or ())}
        if not free:
            raise ValueError(f"{', '.join(sorted(waiting))} depend on each other in a circle")
        known |= free


def _parents(space: Mapping[str, Dimension]) -> frozenset[str]:
    """The settings that others depend on."""
    return frozenset(parent for entry in space.values() for parent in entry.when or ())


def _listed(space: Mapping[str, Dimension], name: str) -> tuple[SettingValue, ...]:
    dimension = space.get(name)
    return dimension.values if isinstance(dimension, Values) else ()


Space = Annotated[dict[str, Dimension], AfterValidator(_conditions)]
"""Searched settings by name."""


def in_order(space: Space) -> tuple[str, ...]:
    """The settings by name, those that others depend on before these."""
    ordered: list[str] = []
    while len(ordered) < len(space):
        ordered += sorted(
            name
            for name in space.keys() - set(ordered)
            if set(space[name].when or ()).issubset(ordered)
        )
    return tuple(ordered)


def is_active(space: Space, name: str, chosen: Mapping[str, SettingValue]) -> bool:
    """Whether a setting is searched, given the active ones of those before it in order."""
    conditions = (space[name].when or {}).items()
    return all(parent in chosen and chosen[parent] in allowed for parent, allowed in conditions)


def active(space: Space, values: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """Of a value for every setting those that are searched there, in the order of ``values``."""
    chosen: dict[str, SettingValue] = {}
    for name in in_order(space):
        if is_active(space, name, chosen):
            chosen[name] = values[name]
    return {name: value for name, value in values.items() if name in chosen}


def narrowed(space: Space, fixed: Mapping[str, SettingValue]) -> Space:
    """The space once some settings are fixed: they leave it, and conditions on them are decided."""
    kept: Space = {}
    for name in in_order(space):
        conditions = (space[name].when or {}).items()
        met = all(
            parent in kept or (parent in fixed and fixed[parent] in allowed)
            for parent, allowed in conditions
        )
        if met and name not in fixed:
            left = {parent: allowed for parent, allowed in conditions if parent in kept}
            kept[name] = space[name].model_copy(update={"when": left or None})
    return {name: kept[name] for name in space if name in kept}


def grid_values(dimension: Dimension) -> int | None:
    """How many values a grid takes there; None for a range that does not say."""
    return len(dimension.values) if isinstance(dimension, Values) else dimension.points


def grid_size(space: Space) -> int:
    """How many points the grid over a space has; a range that does not say counts as one value."""
    return _count(in_order(space), space, {})


def _count(names: Sequence[str], space: Space, chosen: dict[str, SettingValue]) -> int:
    """The points over these settings; branches where others depend on one, multiplies elsewhere."""
    if not names:
        return 1
    name, rest = names[0], names[1:]
    if not is_active(space, name, chosen):
        return _count(rest, space, chosen)
    if name in _parents(space):
        values = _listed(space, name)
        return sum(_count(rest, space, {**chosen, name: value}) for value in values)
    return (grid_values(space[name]) or 1) * _count(rest, space, chosen)


SIGNIFICANT_DIGITS = 6
"""Of the numbers in a point."""


def settled(dimension: Range, value: float) -> float:
    """A value of a range as points hold it: with six digits, and within the bounds."""
    low, high = dimension.bounds
    return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), low), high)


def refusal(space: Space, point: Mapping[str, SettingValue]) -> str | None:
    """Why a point is none of the space; None where it is one."""
    chosen: dict[str, SettingValue] = {}
    for name in in_order(space):
        if not is_active(space, name, chosen):
            continue
        if name not in point:
            return f"{name} is missing"
        if not _holds(space[name], point[name]):
            return f"{name} = {point[name]!r} lies outside"
        chosen[name] = point[name]
    strange = sorted(point.keys() - chosen.keys())
    return f"{strange[0]} is not searched there" if strange else None


def _holds(dimension: Dimension, value: SettingValue) -> bool:
    if isinstance(dimension, Values):
        return value in dimension.values
    low, high = dimension.bounds
    return is_number(value) and low <= value <= high
