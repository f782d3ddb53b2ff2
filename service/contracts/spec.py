"""The comparison a person asks for: problems, contenders, seeds and one budget."""

import math
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from service.contracts.base import Contract, Name, SettingValue
from service.contracts.checkpointing import USUAL_CHECKPOINTS, CheckpointSpec
from service.contracts.labels import Priority, Tags
from service.contracts.schedule import Schedule
from service.contracts.space import Space, grid_size
from service.contracts.text import OneLine
from service.contracts.tuning import Search, TuningSpec
from service.contracts.workers import ElasticWorkers, Workers, most

MOST_TUNING_TRIALS = 10_000
"""Tuning trials of a whole comparison: each is planned, listed and previewed."""
MOST_EPOCHS = 250_000
"""Epochs of a whole comparison: each is a stored point, and a report reads all of them."""
SMALLEST_MEMORY = 500_000_000
"""Bytes of a trial's process: with less, PyTorch alone would be too large."""
SMALLEST_CPUS = 0.1
"""CPUs of a trial: with less, more than ten processes would share each CPU."""
USUAL_STALL_SECONDS = 1800.0
"""A trial may be silent for so long, between two steps, where the spec does not say."""


class Outcome(StrEnum):
    """The figure that decides the verdict."""

    TRAINING_SECONDS = "training_seconds"
    EPOCHS = "epochs"
    STEPS = "steps"
    FINAL_LOSS = "final_loss"


class ContenderSpec(Contract):
    """An optimizer with fixed settings and a search space."""

    optimizer: Name
    name: Name | None = None
    """How the contender is called in the report; the optimizer's name by default."""
    settings: Annotated[dict[str, SettingValue], Field(default_factory=dict, max_length=100)]
    """Fixed settings; the rest keep the catalogue's defaults."""
    space: Space | None = None
    """Searched settings; the catalogue's default space, less the fixed settings, by default."""

    @property
    def label(self) -> str:
        """The contender's name in the comparison."""
        return self.name or self.optimizer


class BudgetSpec(Contract):
    """What every training run may spend."""

    epochs: Annotated[int, Field(ge=1, le=10_000)]


class VerdictSpec(Contract):
    """Which outcome decides, and at which target."""

    outcome: Outcome = Outcome.TRAINING_SECONDS
    target: float | Literal["relative"] = "relative"
    """A loss, or ``relative``: the worst median best loss of the contenders, plus 5 %."""


class ResourcesSpec(Contract):
    """What each rank of a trial gets."""

    cpus: Annotated[float, Field(gt=0, le=1024)] = 1
    """At least 0.1: with less, more than ten processes would share each CPU."""
    gpus: Annotated[float, Field(ge=0, le=64)] = 0
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    """At most the whole CPUs, and one where there is less than one."""
    memory: Annotated[int, Field(ge=SMALLEST_MEMORY, le=1 << 50)] | None = None
    """Bytes that it reserves and may take, PyTorch and all; one that takes more ends as out of
    memory. By default nothing is reserved, and nothing is held to a limit."""

    @field_validator("cpus")
    @classmethod
    def _enough(cls, cpus: float) -> float:
        if cpus < SMALLEST_CPUS:
            raise ValueError(
                f"must be from {SMALLEST_CPUS:g} to 1024, got {cpus:g}: with less than "
                f"{SMALLEST_CPUS:g}, more than ten processes would share each CPU"
            )
        return cpus


class IfShort(StrEnum):
    """What becomes of a comparison whose trials need more than the cluster has."""

    REFUSE = "refuse"
    """It fails at once, with what there is; once something has run, it waits."""
    WAIT = "wait"
    """It waits until a machine is there that is large enough."""


MOST = 32
"""Problems, and contenders, of a comparison."""
_SOME = Field(json_schema_extra={"minItems": 1, "maxItems": MOST})


class ComparisonSpec(Contract):
    """A comparison: problems x contenders x seeds under one budget."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=200), OneLine]
    problems: Annotated[tuple[Name, ...], _SOME]
    contenders: Annotated[tuple[ContenderSpec, ...], _SOME]
    baseline: Name | None = None
    """The contender that the others are measured against; the first one by default."""
    budget: BudgetSpec
    tuning: TuningSpec = TuningSpec()
    seeds: Annotated[int, Field(ge=1, le=200)] = 8
    """Fresh seeds of the finals, the same for every contender."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The comparison's own seed, from which points and all other seeds follow."""
    verdict: VerdictSpec = VerdictSpec()
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Rows of a mini-batch; the problem's own by default."""
    schedule: Schedule | None = None
    """Of the learning rates of all contenders that do not set one; constant by default."""
    workers: Workers = 1
    """DDP ranks of a trial, or ``{min, max}``: as many as there is room for."""
    resources: ResourcesSpec = ResourcesSpec()
    if_short: IfShort = IfShort.REFUSE
    """Whether a comparison that asks for more than the cluster has is refused, or waits."""
    stall_seconds: Annotated[float, Field(ge=1, le=86_400)] = USUAL_STALL_SECONDS
    """A trial whose process makes no step for so long counts as hung, and is ended; loading data,
    the rehearsal and an evaluation must take less."""
    checkpoint: CheckpointSpec = USUAL_CHECKPOINTS
    """How often trials are saved, after every epoch by default, and whether the best is kept."""
    priority: Priority = 0
    """Higher goes first in the queue."""
    tags: Tags = ()
    """Short words to find it by."""
    at_once: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Studies of it that may run at the same time; as many as there is room for by default."""

    @field_validator("problems", "contenders")
    @classmethod
    def _some(cls, entries: tuple[object, ...]) -> tuple[object, ...]:
        if not 1 <= len(entries) <= MOST:
            raise ValueError(f"must have 1 to {MOST} entries, got {len(entries)}")
        return entries

    @model_validator(mode="after")
    def _names(self) -> Self:
        labels = [contender.label for contender in self.contenders]
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise ValueError(
                f"contenders: two are called {', '.join(repeated)}; give each its own 'name'"
            )
        if self.baseline is not None and self.baseline not in labels:
            raise ValueError(
                f"baseline: {self.baseline!r} is not a contender; allowed: {', '.join(labels)}"
            )
        if len(set(self.problems)) < len(self.problems):
            raise ValueError("problems: each may stand there once")
        return self

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        pairs = len(self.problems) * len(self.contenders)
        tuning = self._tuning_trials(pairs)
        runs = tuning + pairs * self.seeds
        if runs * self.budget.epochs > MOST_EPOCHS:
            raise ValueError(
                f"budget.epochs: must be from 1 to {MOST_EPOCHS // runs} for {runs:,} runs of "
                f"tuning and finals, got {self.budget.epochs}: a comparison may train "
                f"{MOST_EPOCHS:,} epochs in all"
            )
        asha = self.tuning.asha
        if asha is not None and asha.grace_epochs >= self.budget.epochs:
            raise ValueError(
                f"tuning.asha.grace_epochs: must be below budget.epochs, {self.budget.epochs}, "
                f"got {asha.grace_epochs}: no trial could be stopped early"
            )
        most_threads = max(math.floor(self.resources.cpus), 1)
        if self.resources.threads > most_threads:
            raise ValueError(
                f"resources.threads: must be from 1 to {most_threads}, the whole CPUs of a trial, "
                f"got {self.resources.threads}"
            )
        return self

    @model_validator(mode="after")
    def _a_device_a_rank(self) -> Self:
        if most(self.workers) > 1 and self.resources.gpus % 1:
            raise ValueError(
                f"resources.gpus: must be a whole number where a trial has more than one worker, "
                f"got {self.resources.gpus:g}: NCCL wants a device for each of them"
            )
        return self

    @model_validator(mode="after")
    def _workers_of_equal_cost(self) -> Self:
        if isinstance(self.workers, ElasticWorkers) and self.tuning.worker_seconds is not None:
            raise ValueError(
                "tuning.worker_seconds: must be left out where the number of workers may change: "
                "what a search has spent could not be told"
            )
        return self

    def _tuning_trials(self, pairs: int) -> int:
        """All runs of all searches, at most what a comparison may have."""
        repeats = self.tuning.repeats
        if self.tuning.trials is None:
            grids = sum(grid_size(contender.space or {}) for contender in self.contenders)
            trials = len(self.problems) * grids * repeats
            if trials > MOST_TUNING_TRIALS:
                on_seeds = "" if repeats == 1 else f", each on {repeats} seeds"
                raise ValueError(
                    f"contenders: their grids have {grids:,} points on each problem{on_seeds}; a "
                    f"comparison may have {MOST_TUNING_TRIALS:,} tuning trials in all"
                )
            return trials
        if pairs * repeats * self.tuning.trials > MOST_TUNING_TRIALS:
            raise ValueError(self._too_many_trials(pairs))
        return pairs * repeats * self.tuning.trials

    def _too_many_trials(self, pairs: int) -> str:
        """What can be had instead of more tuning trials than there may be."""
        tuning = self.tuning
        most = MOST_TUNING_TRIALS // (pairs * tuning.repeats)
        found = f"a comparison may have {MOST_TUNING_TRIALS:,} tuning trials in all"
        if most == 0:
            return (
                f"tuning.repeats: must be from 1 to {MOST_TUNING_TRIALS // pairs} for {pairs} "
                f"pairs of a problem and a contender, got {tuning.repeats}: {found}"
            )
        if tuning.search is Search.SOBOL:
            most = 1 << (most.bit_length() - 1)
        on_seeds = "" if tuning.repeats == 1 else f" on {tuning.repeats} seeds each"
        return (
            f"tuning.trials: must be from 1 to {most} for {pairs} pairs of a problem and a "
            f"contender{on_seeds}, got {tuning.trials}: {found}"
        )

    @property
    def baseline_label(self) -> str:
        """The contender that the others are measured against."""
        return self.baseline or self.contenders[0].label
