"""What a comparison is to have more of; figures are new totals, contenders are what is added."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from service.contracts.base import Contract
from service.contracts.spec import ContenderSpec
from service.contracts.text import Moment


class Extension(Contract, json_schema_extra={"minProperties": 1}):
    """New totals of a comparison, and further contenders; what is left out stays as it is."""

    trials: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Points of each contender's search."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Epochs of every training run."""
    seeds: Annotated[int, Field(ge=1, le=200)] | None = None
    """Fresh seeds of the finals."""
    contenders: Annotated[tuple[ContenderSpec, ...], Field(max_length=32)] = ()
    """Further contenders; one that is there already, word for word, changes nothing."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        totals = (self.trials, self.epochs, self.seeds)
        if all(total is None for total in totals) and not self.contenders:
            raise ValueError("must have one of trials, epochs, seeds and contenders")
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
