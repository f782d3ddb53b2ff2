"""Search spaces: the ranges from which a contender's settings are drawn."""

from typing import Annotated, Any, Self

from pydantic import Discriminator, Tag, model_validator

from service.contracts.base import Contract


class LogRange(Contract):
    """Values spread evenly over the logarithm, from ``low`` to ``high``."""

    log: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.log
        if low <= 0:
            raise ValueError(f"low must be > 0 on a log scale, got {low:g}")
        if low >= high:
            raise ValueError(f"low must be below high, got [{low:g}, {high:g}]")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.log


class LinearRange(Contract):
    """Values spread evenly from ``low`` to ``high``."""

    linear: tuple[float, float]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.linear
        if low >= high:
            raise ValueError(f"low must be below high, got [{low:g}, {high:g}]")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return self.linear


def _scale(value: Any) -> str:
    if isinstance(value, LinearRange) or (isinstance(value, dict) and "linear" in value):
        return "linear"
    return "log"


Dimension = Annotated[
    Annotated[LogRange, Tag("log")] | Annotated[LinearRange, Tag("linear")],
    Discriminator(_scale),
]
"""One searched setting: ``{log: [low, high]}`` or ``{linear: [low, high]}``."""

Space = dict[str, Dimension]
"""Searched settings by name."""
