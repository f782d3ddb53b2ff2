"""What a comparison is to have more of; the figures are the new totals, not what is added."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from service.contracts.base import Contract
from service.contracts.text import Moment


class Extension(Contract, json_schema_extra={"minProperties": 1}):
    """New totals of a comparison; what is left out stays as it is."""

    trials: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Points of each contender's search."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Epochs of every training run."""
    seeds: Annotated[int, Field(ge=1, le=200)] | None = None
    """Fresh seeds of the finals."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.trials is None and self.epochs is None and self.seeds is None:
            raise ValueError("must have one of trials, epochs and seeds")
        return self


class Extended(Contract):
    """What a comparison was extended by, and what there was then."""

    at: Moment
    by: str
    changed: str
    """As ``seeds 8 to 16, contenders soap added``."""
    trials: Annotated[int, Field(ge=0)] = 0
    """Trials with a lower number had been planned before."""
    targets: dict[str, float | None] = Field(default_factory=dict)
    """The target on each problem in the report from before it; empty where there was none."""
