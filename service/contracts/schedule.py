"""Schedules of the learning rate: what a run's learning rate is multiplied by, step for step."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from service.contracts.base import Contract, SettingValue


class ScheduleKind(StrEnum):
    """How the learning rate goes on after the warm-up."""

    CONSTANT = "constant"
    COSINE = "cosine"


class Schedule(Contract):
    """A linear warm-up, then a constant learning rate or half a cosine down to a final one."""

    kind: ScheduleKind = ScheduleKind.CONSTANT
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Part of all steps in which the learning rate rises linearly to its value."""
    final_lr_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """What a cosine ends at, as a part of the learning rate."""

    @model_validator(mode="before")
    @classmethod
    def _by_its_kind(cls, given: Any) -> Any:
        """``cosine`` alone is short for ``{kind: cosine}``."""
        return {"kind": given} if isinstance(given, str) else given

    @classmethod
    def of(cls, settings: Mapping[str, SettingValue]) -> "Schedule":
        """The schedule among an optimizer's settings; what is not there keeps its default."""
        return cls.model_validate(
            {part: settings[name] for part, name in SETTING_NAMES.items() if name in settings}
        )

    @property
    def settings(self) -> dict[str, SettingValue]:
        """The same, as settings of an optimizer."""
        parts = self.model_dump(mode="json")
        return {name: parts[part] for part, name in SETTING_NAMES.items()}

    @property
    def depends_on_length(self) -> bool:
        """Whether a longer run has other learning rates from its first steps on."""
        return self.kind is not ScheduleKind.CONSTANT or self.warmup_fraction > 0


SETTING_NAMES: Mapping[str, str] = {
    "kind": "schedule",
    "warmup_fraction": "warmup_fraction",
    "final_lr_fraction": "final_lr_fraction",
}
"""What each part of a schedule is called among an optimizer's settings."""
