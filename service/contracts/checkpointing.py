"""How often a trial is saved, and which of its checkpoints outlives the comparison."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from service.contracts.base import Contract


class Keep(StrEnum):
    """What stays of the finals' checkpoints once the comparison has ended."""

    NOTHING = "nothing"
    BEST = "best"
    """Of each final, the one with the lowest of those losses that decide."""


class CheckpointSpec(Contract):
    """When a trial is saved between its first weights and its end, at both of which it always is.

    So is it at each rung, where ASHA judges it. With both, whichever comes first; with neither,
    after every epoch. Only whole epochs are saved.
    """

    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """After so many epochs."""
    seconds: Annotated[float, Field(ge=1, le=86_400)] | None = None
    """At the end of the first epoch that ends so long after the last time."""
    keep: Keep = Keep.NOTHING

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and not any(
            given.get(name) is not None for name in ("epochs", "seconds")
        ):
            return {**given, "epochs": 1}
        return given

    def is_due(self, *, epochs: int, seconds: float) -> bool:
        """Whether to save at the end of an epoch.

        Args:
            epochs: Since the last time.
            seconds: Since the last time.
        """
        by_epochs = self.epochs is not None and epochs >= self.epochs
        return by_epochs or (self.seconds is not None and seconds >= self.seconds)

    @property
    def described(self) -> str:
        """As it stands on pages: ``every 10 epochs or 60 s, the best of each final kept``."""
        parts = []
        if self.epochs is not None:
            parts.append("epoch" if self.epochs == 1 else f"{self.epochs:,} epochs")
        if self.seconds is not None:
            parts.append(f"{self.seconds:g} s")
        kept = ", the best of each final kept" if self.keep is Keep.BEST else ""
        return f"every {' or '.join(parts)}{kept}"


USUAL_CHECKPOINTS = CheckpointSpec(epochs=1)
"""Where the spec does not say."""
