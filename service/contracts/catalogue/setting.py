"""One setting of an optimizer: its kind, its bounds and why a value is refused."""

from typing import Literal

from service.contracts.base import Contract, SettingValue

LARGEST_NUMBER = 3.4e38
"""A larger one is infinite in single precision, in which models are trained."""


class Setting(Contract):
    """One setting of an optimizer."""

    name: str
    kind: Literal["float", "int", "bool", "choice", "floats"]
    default: SettingValue
    summary: str
    above: float | None = None
    """The value must be greater than this."""
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] | None = None
    needs: str | None = None
    """A switch's: the setting that must be above 0 where it is on."""

    def refusal(self, value: SettingValue) -> str | None:
        """Why the value cannot be had, or None where it can."""
        match self.kind:
            case "choice":
                choices = self.choices or ()
                return None if value in choices else f"must be one of {', '.join(choices)}"
            case "bool":
                return None if isinstance(value, bool) else f"must be true or false, got {value!r}"
            case "floats":
                length = len(self.default) if isinstance(self.default, tuple) else 0
                if not isinstance(value, tuple) or len(value) != length:
                    return f"must be a list of {length} numbers, got {value!r}"
                return next(filter(None, map(self._out_of_bounds, value)), None)
            case "int":
                if isinstance(value, bool) or not isinstance(value, int):
                    return f"must be a whole number, got {value!r}"
                return self._out_of_bounds(value)
            case "float":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    return f"must be a number, got {value!r}"
                return self._out_of_bounds(value)

    def _out_of_bounds(self, value: float) -> str | None:
        if abs(value) > LARGEST_NUMBER and self.kind != "int":
            return f"must be <= {LARGEST_NUMBER:g}, as single precision can hold, got {value:g}"
        if self.above is not None and not value > self.above:
            return f"must be > {self.above:g}, got {value:g}"
        if self.at_least is not None and not value >= self.at_least:
            return f"must be >= {self.at_least:g}, got {value:g}"
        if self.below is not None and not value < self.below:
            return f"must be < {self.below:g}, got {value:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"must be <= {self.at_most:g}, got {value:g}"
        return None
