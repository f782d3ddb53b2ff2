"""The base of every value that crosses a process: frozen, closed, with a digest."""

import hashlib
import json
import math
from collections.abc import Set
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

LARGEST_INTEGER = 2**63 - 1
"""What a setting's whole number may be, and minus it: what libraries in C take."""


def _plain(value: object) -> object:
    """Accept what JSON can say of a setting, keeping its type."""
    if isinstance(value, bool | str) or _is_number(value):
        return value
    if isinstance(value, list | tuple) and all(
        _is_number(entry) and not isinstance(entry, bool) for entry in value
    ):
        return tuple(float(entry) for entry in value)
    raise ValueError(f"must be a number, true, false, a word or a list of numbers, got {value!r}")


def _is_number(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) <= LARGEST_INTEGER
    return isinstance(value, float) and math.isfinite(value)


SettingValue = Annotated[
    bool | int | float | str | tuple[float, ...],
    BeforeValidator(_plain),
]
"""A value that an optimizer's setting can take."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""A name of a problem, an optimizer or a contender: lower case, digits, dot, dash, underscore."""


class Contract(BaseModel):
    """A frozen value shared by the api, the service and the workers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    def digest(self, *, without: Set[str] = frozenset()) -> str:
        """SHA-256 of the canonical JSON form, in hexadecimal.

        Args:
            without: Fields that are left out of it.
        """
        plain = self.model_dump(mode="json", exclude=set(without))
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
