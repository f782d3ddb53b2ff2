"""What a driver tells the service while a study runs, and what the service answers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from service.contracts.base import Contract, SettingValue
from service.contracts.metrics import Metric
from service.contracts.start import StudyStart
from service.contracts.states import FailureKind
from service.contracts.text import Fact, Identity, Message, Moment
from service.contracts.usage import Usage

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
"""What fits a column of numbers."""
Effort = Annotated[float, Field(ge=0, le=1e12)]
"""Seconds or passes; bounded, so that sums over all trials stay numbers."""
LARGEST_LOSS = 1e100
"""A larger one counts as not finite: medians and ratios of such losses would not be numbers."""


def _finite(loss: float | None) -> float | None:
    return loss if loss is None or abs(loss) <= LARGEST_LOSS else None


Loss = Annotated[float | None, AfterValidator(_finite)]


class MetricPoint(Contract):
    """The figures at the end of one epoch; a loss that is not finite is None."""

    epoch: Count
    """Epochs done; 0 stands for the initial weights."""
    step: Count
    """Optimizer steps done."""
    training_seconds: Effort
    """Seconds inside optimization steps alone, the optimizer's warm start included."""
    elapsed_seconds: Effort
    """Seconds since the trial began, evaluation and checkpoints included."""
    process_seconds: Effort
    """CPU seconds of the process inside optimization steps."""
    gradient_evaluations: Effort
    """Backward passes in units of one mini-batch; an epoch of K-BFGS has up to two a step."""
    train_loss: Loss
    """Mean loss over the whole training set at these weights, in eval mode."""
    validation_loss: Loss = None
    """Mean loss over the validation rows; None where the problem has none."""
    test_loss: Loss = None
    """Mean loss over the test set; never used for selection."""
    train_accuracy: Share | None = None
    """Share of the training rows that are right; None where rows have no classes."""
    validation_accuracy: Share | None = None
    test_accuracy: Share | None = None

    ranks: Annotated[int, Field(ge=1, lt=2**31)] = 1
    """How many processes trained and measured."""
    cost: Effort | None = None
    """Worker-seconds since the trial began, each second times the ranks of its time; None where
    nobody says, as in rows, which do not keep it."""

    @property
    def worker_seconds(self) -> float:
        """What the trial has cost so far; where nobody says, as if it always had these ranks."""
        return self.elapsed_seconds * self.ranks if self.cost is None else self.cost

    def value(self, metric: Metric) -> float | None:
        """The figure of that name; None where it is not finite or not measured."""
        figure: float | None = getattr(self, metric)
        return figure


class Environment(Contract):
    """Where a trial ran, as far as its figures depend on it."""

    hostname: Fact
    device: Fact
    python: Fact
    torch: Fact
    threads: Count
    """Of each rank."""
    ranks: Count = 1
    plugins: tuple[Fact, ...] = ()
    """The plug-ins that bring the trial's problem and optimizer, with their versions."""
    instructions: Fact = ""
    """The instructions of the processor that PyTorch uses, as AVX2; this and what follows is empty
    where nobody says."""
    ray: Fact = ""
    kbfgs: Fact = ""
    revision: Fact = ""
    """Of git, of the workers' code; with ``-dirty`` where files were changed since."""
    data: tuple[Fact, ...] = ()
    """The data set that the problem is made of, with the digest of its files."""


def _told_apart(schema: dict[str, Any]) -> None:
    """Say that the type must be given: it has a default for those who make an event alone."""
    schema["required"] = ["type", *schema.get("required", ())]


class TrialProposed(Contract, json_schema_extra=_told_apart):
    """A trial whose point was not planned is about to begin at this one, unless it is refused."""

    type: Literal["trial_proposed"] = "trial_proposed"
    trial_id: Identity
    at: Moment
    point: dict[str, SettingValue]


class TrialStarted(Contract, json_schema_extra=_told_apart):
    """A trial began or went on from its checkpoint."""

    type: Literal["trial_started"] = "trial_started"
    trial_id: Identity
    number: Count
    """Counts the lifecycle events of this trial in this attempt."""
    at: Moment
    resumed_from_epoch: Count = 0
    environment: Environment


class TrialPoint(Contract, json_schema_extra=_told_apart):
    """The figures of one epoch of a trial."""

    type: Literal["trial_point"] = "trial_point"
    trial_id: Identity
    point: MetricPoint


class TrialEnded(Contract, json_schema_extra=_told_apart):
    """A trial came to an end."""

    type: Literal["trial_ended"] = "trial_ended"
    trial_id: Identity
    number: Count
    at: Moment
    outcome: Literal["finished", "stopped", "diverged", "failed"]
    failure: FailureKind | None = None
    message: Message = ""
    worker_seconds: Effort
    """Seconds of the trial over all its attempts, each times the ranks of its time: its cost."""
    usage: Usage | None = None
    """What it took besides; None where it failed before it had begun."""


class StudyEnded(Contract, json_schema_extra=_told_apart):
    """The driver has nothing left to do."""

    type: Literal["study_ended"] = "study_ended"
    at: Moment
    outcome: Literal["finished", "failed"]
    message: Message = ""


Event = Annotated[
    TrialProposed | TrialStarted | TrialPoint | TrialEnded | StudyEnded,
    Field(discriminator="type"),
]


class EventBatch(Contract):
    """Events of one attempt of one study, in the order in which they happened."""

    attempt: Annotated[int, Field(ge=1)]
    events: Annotated[tuple[Event, ...], Field(max_length=10_000)]


class EventLine(Contract):
    """One event in a file of events, one JSON line each, in the order in which they happened."""

    study_id: str
    attempt: Annotated[int, Field(ge=1)]
    event: Event


class EventReceipt(Contract):
    """How many events of a batch the service took, repeats included."""

    accepted: int


class Heartbeat(Contract):
    """A driver's sign of life."""

    attempt: Annotated[int, Field(ge=1)]
    start: StudyStart | None = None
    """What its start took, once it is known; the first word counts."""


class HeartbeatReply(Contract):
    """What the driver should do: stop these trials between two steps, and start none of them."""

    cancel: tuple[str, ...] = ()
    """Trials that were cancelled."""
    pause: tuple[str, ...] = ()
    """Trials that are held: their checkpoints stay, and a later attempt goes on from them."""
