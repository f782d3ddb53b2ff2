"""What the repositories hand out: comparisons, studies, trials and keys as frozen values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from service.contracts.access import Role as Role  # where everyone looks for it
from service.contracts.base import SettingValue
from service.contracts.events import Environment
from service.contracts.extension import Extended
from service.contracts.plan import Point, Seeds
from service.contracts.spec import ComparisonSpec
from service.contracts.start import StudyStart
from service.contracts.states import (
    ComparisonState,
    FailureKind,
    StudyKind,
    StudyState,
    TrialState,
)
from service.contracts.usage import Usage

_ROUNDING = 1e-9
"""Ten times 0.1 CPUs is one CPU."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: a key, by its own secret or by a session that began with it."""

    name: str
    role: Role
    key_id: str


@dataclass(frozen=True, slots=True)
class ComparisonRecord:
    """A comparison as it is stored."""

    id: str
    name: str
    state: ComparisonState
    reason: str
    owner: str
    """The name of the key that created it."""
    owner_key: str
    """The id of that key."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    last_change: int
    """The number of its latest change event; moves with every change of state."""
    verdict: str | None
    spec: ComparisonSpec
    seeds: Seeds
    cancelled: tuple[str, ...] = ()
    """Contenders that were cancelled: they take no further part."""
    extensions: tuple[Extended, ...] = ()
    """What it was extended by, in order."""


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as it is stored."""

    id: str
    comparison_id: str
    number: int
    kind: StudyKind
    problem: str
    contender: str | None
    state: StudyState
    reason: str
    attempt: int
    """Attempts so far; 0 before the first."""
    fruitless: int
    """Attempts in a row that brought no new point and ended no trial."""
    excused: int
    """Attempts that a person ended, by a pause, or that ended well: they spend nothing."""
    reached: int
    """How far its trials had come before the current attempt, in steps and ended trials."""
    trials: int
    cpus: float
    """CPUs of one rank."""
    gpus: float
    """GPUs of one rank."""
    fewest_workers: int
    """Ranks without which a trial does not start."""
    most_workers: int
    """Ranks that a trial takes where there is room."""
    created_at: datetime
    submitted_at: datetime | None
    """When the current attempt was claimed."""
    last_heartbeat: datetime | None
    """When the driver of the current attempt was last heard of."""
    started_at: datetime | None
    ended_at: datetime | None
    start: StudyStart | None = None
    """What the start of the current attempt took, once its first metric was there."""
    memory: int = 0
    """Bytes that are reserved for one rank."""


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial that planning has decided on."""

    id: str
    number: int
    contender: str
    optimizer: str
    point: Point
    settings: Mapping[str, SettingValue]
    """Every setting of the optimizer: defaults, fixed ones and the point."""
    seed: int


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as it is stored, with the figures of its latest point."""

    key: int
    """Its row's number, by which the metric points are stored."""
    id: str
    comparison_id: str
    study_id: str
    number: int
    kind: StudyKind
    problem: str
    contender: str
    optimizer: str
    point: Point
    settings: Mapping[str, SettingValue]
    seed: int
    state: TrialState
    failure: FailureKind | None
    message: str
    attempt: int
    """The attempt of its study in which it last started; 0 before."""
    last_step: int | None
    highest_step: int | None
    """The highest step of any attempt; a trial that goes on from a checkpoint falls behind it."""
    epochs_done: int
    best_loss: float | None
    final_loss: float | None
    training_seconds: float | None
    worker_seconds: float | None
    environment: Environment | None
    started_at: datetime | None
    ended_at: datetime | None
    usage: Usage | None = None
    """What it took besides, once it has ended and where its workers told."""


@dataclass(frozen=True, slots=True)
class TrialFigures:
    """The figures that a trial's row repeats from its points, so that lists are cheap."""

    last_step: int | None
    highest_step: int | None
    epochs_done: int
    best_loss: float | None
    final_loss: float | None
    training_seconds: float | None
    worker_seconds: float | None


@dataclass(frozen=True, slots=True)
class TrialTally:
    """Trials of one contender that share kind and state, counted."""

    comparison_id: str
    contender: str
    kind: StudyKind
    state: TrialState
    trials: int
    epochs_done: int
    best_loss: float | None
    worker_seconds: float


@dataclass(frozen=True, slots=True)
class UnfinishedTrial:
    """How far a trial is that has not ended."""

    study_id: str
    state: str
    attempt: int
    """The attempt of its study in which it last started; 0 before."""
    epochs_done: int
    worker_seconds: float | None
    """What it has cost so far; None before its first point."""

    def runs_in(self, attempt: int) -> bool:
        """Whether it runs in that attempt of its study, and is not left over from one before."""
        return self.state == TrialState.RUNNING and self.attempt == attempt

    def seconds_left(self, epochs: int) -> float:
        """Worker-seconds to its end at the pace of its epochs so far; infinite before the first."""
        if not self.epochs_done or self.worker_seconds is None:
            return math.inf
        return (epochs - self.epochs_done) * self.worker_seconds / self.epochs_done


@dataclass(frozen=True, slots=True)
class StudyTally:
    """A study with how many of its trials have ended."""

    study_id: str
    trials: int
    ended: int


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """An API key; its secret is known to its holder alone."""

    id: str
    name: str
    role: Role
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = None
    """When it last opened anything, to the minute."""
    most_comparisons: int | None = None
    """Its own limit of comparisons at once; the service's where there is none."""
    most_worker_seconds: float | None = None
    """Its own limit of worker-seconds in a month, alike."""

    def live(self, now: datetime) -> bool:
        """Whether the key opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def actor(self) -> Actor:
        """Who asks with it."""
        return Actor(name=self.name, role=self.role, key_id=self.id)


Machine = tuple[str, float, float]
"""What stays of a node while it is there: its id, CPUs and GPUs."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster."""

    cpus: float
    gpus: float
    id: str = ""
    name: str = ""
    """Its address or host name."""
    free_cpus: float | None = None
    """CPUs that nothing has reserved; None where the cluster does not say."""
    free_gpus: float | None = None
    memory: float = 0.0
    """Bytes that can be reserved."""

    def slots(self, cpus: float, gpus: float, memory: float = 0) -> int:
        """How many ranks of this size fit on the machine beside each other."""
        pairs = ((self.cpus, cpus), (self.gpus, gpus), (self.memory, memory))
        return min(int(whole / part + _ROUNDING) for whole, part in pairs if part)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the cluster has, and whether it answers."""

    at: datetime
    reachable: bool
    nodes: tuple[Node, ...] = ()
    """The machines that are alive."""
    message: str = ""
    """Why it does not answer; empty where it does."""

    @property
    def machines(self) -> frozenset[Machine]:
        """The nodes, whatever is free of them."""
        return frozenset((node.id, node.cpus, node.gpus) for node in self.nodes)

    @property
    def cpus(self) -> float:
        """CPUs of all nodes."""
        return sum(node.cpus for node in self.nodes)

    @property
    def gpus(self) -> float:
        """GPUs of all nodes."""
        return sum(node.gpus for node in self.nodes)

    @property
    def memory(self) -> float:
        """Bytes that can be reserved on all nodes."""
        return sum(node.memory for node in self.nodes)

    def slots(self, cpus: float, gpus: float, memory: float = 0) -> int:
        """How many ranks of this size fit beside each other; a trial's may lie on several nodes."""
        return sum(node.slots(cpus, gpus, memory) for node in self.nodes)
