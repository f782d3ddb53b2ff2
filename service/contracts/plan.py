"""What planning writes and a driver receives: studies, trials, their points and seeds."""

from typing import Annotated, Literal

from pydantic import Field

from service.contracts.base import Contract, SettingValue
from service.contracts.capsule import Capsule
from service.contracts.checkpointing import USUAL_CHECKPOINTS, CheckpointSpec
from service.contracts.metrics import Metric
from service.contracts.points import Point as Point
from service.contracts.points import Seeds as Seeds
from service.contracts.proposals import Proposals, Rungs
from service.contracts.spec import USUAL_STALL_SECONDS, ComparisonSpec
from service.contracts.states import StudyKind
from service.contracts.workers import Workers


class PlannedTrial(Contract):
    """One training run, decided before anything is dispatched."""

    number: Annotated[int, Field(ge=0)]
    """Its number in the comparison."""
    contender: str
    point: Point
    """The searched settings alone; the fixed ones follow from the contender. Empty where nothing
    is searched, and before a search that learns has proposed it."""
    seed: int


class PlannedStudy(Contract):
    """Trials that are dispatched together."""

    number: Annotated[int, Field(ge=0)]
    kind: StudyKind
    problem: str
    contender: str | None
    """The contender that is tuned; None for finals."""
    trials: tuple[PlannedTrial, ...]


class Plan(Contract):
    """A comparison with its tuning studies; the finals follow from their results."""

    schema_version: Literal[1] = 1
    spec: ComparisonSpec
    seeds: Seeds
    studies: tuple[PlannedStudy, ...]
    capsule: Capsule | None = None
    """What it runs again, where it is a rerun; None where its points were drawn."""


class TrialAssignment(Contract):
    """What it takes to run one trial, or to continue it."""

    trial_id: str
    contender: str
    optimizer: str
    settings: dict[str, SettingValue]
    """Every setting of the optimizer: defaults, fixed ones and the point."""
    seed: int


class StudyAssignment(Contract):
    """What the service hands the driver of a study: the trials that have not ended."""

    study_id: str
    attempt: Annotated[int, Field(ge=1)]
    comparison_id: str
    kind: StudyKind
    problem: str
    batch_size: int
    epochs: int
    cpus: float
    """Of each rank, as GPUs, threads and memory are."""
    gpus: float
    threads: int
    workers: Workers = 1
    """Ranks of each trial."""
    exclusive: bool
    """One trial at a time with nothing beside it, so that times are comparable."""
    trials: tuple[TrialAssignment, ...]
    stall_seconds: float = USUAL_STALL_SECONDS
    """A trial that makes no step for so long counts as hung."""
    checkpoint: CheckpointSpec = USUAL_CHECKPOINTS
    """How often trials are saved."""
    metric: Metric = Metric.TRAIN_LOSS
    """The loss that decides on the problem; the checkpoint with the lowest one is the best."""
    memory: int | None = None
    """Bytes that it may take; None for as many as there are."""
    proposals: Proposals | None = None
    """What the points of a search that learns are proposed from."""
    rungs: Rungs | None = None
    """Where the search stops trials early."""
    worker_seconds: float | None = None
    """The budget of the search over all attempts, where it is one of time."""
    spent: dict[str, float] = Field(default_factory=dict)
    """What each trial has cost so far, in worker-seconds, where that is what the budget limits."""
