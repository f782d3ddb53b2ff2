"""What selection and scoring read: every trial of a comparison with its curve."""

from dataclasses import dataclass

from service.contracts.capsule import Capsule
from service.contracts.events import Environment, MetricPoint
from service.contracts.extension import Extended
from service.contracts.plan import Point
from service.contracts.spec import ComparisonSpec
from service.contracts.states import OWN_FAILURES, FailureKind, StudyKind, TrialState
from service.contracts.usage import Usage


@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """One training run with what it measured so far."""

    number: int
    """Its number in the comparison."""
    kind: StudyKind
    problem: str
    contender: str
    point: Point
    seed: int
    state: TrialState
    failure: FailureKind | None
    points: tuple[MetricPoint, ...]
    """The curve in the order of epochs, epoch 0 (the initial weights) included."""
    worker_seconds: float
    environment: Environment | None
    usage: Usage | None = None

    @property
    def measured(self) -> bool:
        """Whether its last loss stands: it finished, or its search stopped it on the way."""
        stopped = self.state is TrialState.STOPPED and bool(self.points)
        return stopped or self.state is TrialState.FINISHED


@dataclass(frozen=True, kw_only=True)
class ComparisonResults:
    """A comparison's spec and all of its trials."""

    comparison_id: str
    spec: ComparisonSpec
    trials: tuple[TrialResult, ...]
    complete: bool
    """Whether nothing more will come; otherwise the report is interim."""
    cancelled: tuple[str, ...] = ()
    """Contenders that were cancelled: what they measured is shown and decides nothing."""
    stopped: str = ""
    """How it ended before its runs had: ``was cancelled``, ``failed``; empty where it did not."""
    decided_before: bool = False
    """Whether it had a verdict once, and was extended since."""
    capsule: Capsule | None = None
    """What it runs again, where it is a rerun."""
    extensions: tuple[Extended, ...] = ()
    """What it was extended by, in order."""

    @property
    def plugins(self) -> tuple[str, ...]:
        """The plug-ins that any trial was made with, with their versions."""
        places = (trial.environment for trial in self.trials if trial.environment is not None)
        return tuple(sorted({plugin for place in places for plugin in place.plugins}))


def own_failure(trial: TrialResult) -> bool:
    """Whether the trial ended badly through the contender itself."""
    return trial.state is TrialState.DIVERGED or (
        trial.state is TrialState.FAILED and trial.failure in OWN_FAILURES
    )


def counts(trial: TrialResult) -> bool:
    """Whether the trial says something of its contender: it measured, or failed through it."""
    return trial.measured or own_failure(trial)


def trials_of(
    results: ComparisonResults, problem: str, kind: StudyKind, contender: str | None = None
) -> tuple[TrialResult, ...]:
    """The trials of one kind on one problem, of one contender or of all."""
    return tuple(
        trial
        for trial in results.trials
        if trial.problem == problem
        and trial.kind is kind
        and (contender is None or trial.contender == contender)
    )
