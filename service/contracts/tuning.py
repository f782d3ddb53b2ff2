"""What every contender may spend on its search, and how its points are found."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from service.contracts.base import Contract
from service.contracts.metrics import SelectionMetric
from service.contracts.space import Space, grid_size

USUAL_TRIALS = 16
"""Points a contender where the spec does not say; a grid follows from its space."""
USUAL_MOST = 64
"""Points that a contender may have where the budget is one of worker-seconds."""


class Search(StrEnum):
    """How the points of a search are found: before anything is dispatched, but for those of TPE,
    each of which follows from what the trials before it came to."""

    SOBOL = "sobol"
    RANDOM = "random"
    GRID = "grid"
    TPE = "tpe"

    @property
    def words(self) -> str:
        """The name as it stands before "points"."""
        return {"sobol": "Sobol", "tpe": "TPE"}.get(self.value, self.value)


class Asha(Contract):
    """Asynchronous successive halving (Li et al. 2020): trials end early at rungs of epochs."""

    grace_epochs: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Epochs that every trial gets: the first rung."""
    reduction_factor: Annotated[int, Field(ge=2, le=16)] = 3
    """At each rung one trial in so many goes on, and the next rung lies so many times as far."""

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """The epochs after which a trial of this length may be stopped."""
        rungs: list[int] = []
        rung = self.grace_epochs
        while rung < epochs:
            rungs.append(rung)
            rung *= self.reduction_factor
        return tuple(rungs)


class TuningSpec(Contract):
    """What every contender may spend on its search."""

    search: Search = Search.SOBOL
    trials: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Points a contender, 16 by default; at most so many, 64 by default, where worker-seconds are
    what is equal. Sobol takes a power of two, which keeps its points
    balanced; a grid takes none: it has as many points as its space."""
    worker_seconds: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """The equal budget of each search on a problem, instead of a number of trials: no trial begins
    once it is spent, and what still runs stops, with what it measured so far."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """Seeds that each point is tried on; the point with the lowest median loss is chosen."""
    asha: Asha | None = None
    """Ends trials early that are not among the best at the same epoch; none by default."""
    metric: SelectionMetric | None = None
    """The loss that points are chosen by and that decides; each problem's own by default."""

    @model_validator(mode="before")
    @classmethod
    def _usual_trials(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("search") != Search.GRID:
            usual = USUAL_TRIALS if given.get("worker_seconds") is None else USUAL_MOST
            return {"trials": usual, **given}
        return given

    @field_validator("trials")
    @classmethod
    def _fit_the_search(cls, trials: int | None, checked: ValidationInfo) -> int | None:
        search = checked.data.get("search")
        if search is None:  # it is refused itself
            return trials
        if search is Search.GRID and trials is not None:
            raise ValueError(
                f"must be left out: a grid has as many points as its space, got {trials}"
            )
        if search is not Search.GRID and trials is None:
            raise ValueError("must be a whole number, got null")
        if search is Search.SOBOL and trials is not None and trials & (trials - 1):
            lower = 1 << (trials.bit_length() - 1)
            raise ValueError(
                f"must be a power of two for a balanced Sobol design, got {trials}; "
                f"the nearest are {lower} and {2 * lower}"
            )
        return trials

    @field_validator("repeats")
    @classmethod
    def _once_where_it_learns(cls, repeats: int, checked: ValidationInfo) -> int:
        if repeats > 1 and checked.data.get("search") is Search.TPE:
            raise ValueError(
                f"must be 1 with search: tpe, whose points follow from single runs, got {repeats}"
            )
        return repeats

    @field_validator("asha")
    @classmethod
    def _single_runs(cls, asha: Asha | None, checked: ValidationInfo) -> Asha | None:
        repeats = checked.data.get("repeats", 1)
        if asha is not None and repeats > 1:
            raise ValueError(f"must be left out with repeats: {repeats}; it judges single runs")
        return asha

    def points(self, space: Space) -> int:
        """How many points are tried in a space; one where nothing is searched."""
        if not space:
            return 1
        return grid_size(space) if self.trials is None else self.trials

    @property
    def described(self) -> str:
        """What each contender gets: ``16 Sobol points a contender``."""
        if self.trials is None:
            points = "a grid for each contender"
        else:
            most = "" if self.worker_seconds is None else "up to "
            plural = "" if self.trials == 1 else "s"
            points = f"{most}{self.trials:,} {self.search.words} point{plural} a contender"
        parts = [points] if self.repeats == 1 else [points, f"each on {self.repeats} seeds"]
        if self.worker_seconds is not None:
            parts.append(f"within {self.worker_seconds:,g} worker-seconds")
        if self.asha is not None:
            parts.append("with early stopping (ASHA)")
        return ", ".join(parts)

    @property
    def when_drawn(self) -> str:
        """When the points are known."""
        learns = self.search is Search.TPE
        return "each chosen when its run began" if learns else "drawn before the first run"
