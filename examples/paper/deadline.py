"""A limit of time that several comparisons share."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadline:
    """So many hours from now; None is no limit."""

    hours: float | None
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "began", self.clock())

    @property
    def passed(self) -> bool:
        """Whether the time is used up."""
        return self.hours is not None and self.clock() - self.began >= 3600 * self.hours

    def __str__(self) -> str:
        return "no limit" if self.hours is None else f"the limit of {self.hours:g} h"
