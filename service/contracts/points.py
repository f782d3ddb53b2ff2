"""The two things that every run is made of: a point of the search, and seeds."""

from typing import Annotated

from pydantic import Field

from service.contracts.base import Contract, SettingValue

Point = dict[str, SettingValue]
"""The searched settings of one trial, by name."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Seeds(Contract):
    """Every seed of a comparison; those of the finals are not used in tuning."""

    tuning: Seed
    finals: tuple[Seed, ...]
    repeats: tuple[Seed, ...] = ()
    """Further seeds of the search, where each point is tried on several."""

    @property
    def search(self) -> tuple[int, ...]:
        """The seeds that each point is tried on."""
        return (self.tuning, *self.repeats)
