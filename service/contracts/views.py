"""What the API shows of comparisons, studies and trials."""

from datetime import datetime

from service.contracts.base import Contract, SettingValue
from service.contracts.plan import Point
from service.contracts.spec import ComparisonSpec
from service.contracts.start import StartView
from service.contracts.states import (
    ComparisonState,
    FailureKind,
    StudyKind,
    StudyState,
    TrialState,
)
from service.contracts.usage import Usage


class ContenderProgress(Contract):
    """How far one contender is, over all problems, tuning and finals together."""

    name: str
    optimizer: str
    trials: int
    """Trials planned: tuning and finals."""
    trials_ended: int
    epochs: int
    """Epochs planned."""
    epochs_done: int
    """Epochs done, or no longer owed because the trial ended early."""
    diverged: int
    failed: int
    stopped: int = 0
    """Trials that their search ended early, or never began."""
    best_loss: float | None
    """Lowest deciding loss so far, over all of its trials."""
    worker_seconds: float
    paused: int = 0
    """Trials that are held until somebody resumes them."""
    cancelled: bool = False
    """Whether it was taken out: then it has no finals and no part in the verdict."""


class ComparisonView(Contract):
    """A comparison as lists and pages show it."""

    id: str
    name: str
    state: ComparisonState
    reason: str
    """Why it failed, was cancelled or is paused; empty otherwise."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    problems: tuple[str, ...]
    contenders: tuple[ContenderProgress, ...]
    baseline: str
    progress: float
    """Share of the planned epochs, from 0 to 1."""
    seconds_left: float | None
    """Estimate from the pace so far; None before there is one."""
    worker_seconds: float
    last_heartbeat: datetime | None
    """When a driver of this comparison was last heard of."""
    verdict: str | None
    """The verdict's sentence, once the report is final."""
    spec: ComparisonSpec
    owner: str = ""
    """The name of the key that created it."""
    priority: int = 0
    tags: tuple[str, ...] = ()


class ComparisonPage(Contract):
    """Some comparisons, newest first."""

    items: tuple[ComparisonView, ...]
    next_cursor: str | None


class StudyView(Contract):
    """A study: one Ray job an attempt."""

    id: str
    kind: StudyKind
    problem: str
    contender: str | None
    state: StudyState
    reason: str
    attempt: int
    trials: int
    trials_ended: int
    last_heartbeat: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    start: StartView | None = None
    """What the start of its latest attempt took, once its first metric was there."""


class TrialView(Contract):
    """A trial with where it stands."""

    id: str
    study_id: str
    kind: StudyKind
    problem: str
    contender: str
    optimizer: str
    point: Point
    settings: dict[str, SettingValue]
    seed: int
    state: TrialState
    failure: FailureKind | None
    message: str
    attempt: int
    epochs_done: int
    best_loss: float | None
    """Lowest loss so far of those that points are chosen by: training loss, or validation loss."""
    final_loss: float | None
    """That loss at its last epoch."""
    training_seconds: float | None
    worker_seconds: float | None
    usage: Usage | None = None
    """Seconds by phase, bytes sent and peak memory, once it has ended."""
    started_at: datetime | None
    ended_at: datetime | None


Curve = tuple[float | None, ...]
"""A metric epoch by epoch; empty where the trial has not measured it."""


class Series(Contract):
    """The curve of one trial, one entry an epoch."""

    trial_id: str
    kind: StudyKind
    problem: str
    contender: str
    optimizer: str
    seed: int
    state: TrialState
    epoch: tuple[int, ...]
    step: tuple[int, ...]
    training_seconds: tuple[float, ...]
    elapsed_seconds: tuple[float, ...]
    train_loss: Curve
    validation_loss: Curve = ()
    test_loss: Curve = ()
    train_accuracy: Curve = ()
    validation_accuracy: Curve = ()
    test_accuracy: Curve = ()


class StudyPreview(Contract):
    """A study that a spec would run; the points are those that would be tried."""

    kind: StudyKind
    problem: str
    contender: str | None
    trials: int
    epochs: int
    points: tuple[Point, ...]
    repeats: int = 1
    """Trials a point, each on a seed of its own."""


class Preview(Contract):
    """What a spec would run, before anything runs; the most where worker-seconds are its budget."""

    trials: int
    epochs: int
    studies: tuple[StudyPreview, ...]
    minimum_seeds: int
    """The fewest seeds at which a winner is possible."""
    search: str = ""
    """The search in words: ``up to 64 Sobol points a contender, within 600 worker-seconds``."""
    checkpoints: str = ""
    """When trials are saved, in words: ``every 10 epochs or 60 s``."""
    warnings: tuple[str, ...]


class ChangeEvent(Contract):
    """One change of state; the comparison's changes are numbered from 1.

    A change that leaves the state as it is tells in its reason what else was changed.
    """

    number: int
    at: datetime
    subject: str
    """``comparison``, ``study`` or ``trial``."""
    subject_id: str
    before: str | None
    after: str
    actor: str
    """Who did it: a key's name, ``dispatcher`` or ``driver``."""
    reason: str


class PointsAnnouncement(Contract):
    """A trial has new points, up to this step: fetch them."""

    trial_id: str
    up_to_step: int
