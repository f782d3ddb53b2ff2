"""What a trial needs to be run anywhere: its plan and its folder. Loads no torch."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.contracts.base import Contract
from service.contracts.catalogue import Catalogue, DisabledPlugin
from service.contracts.checkpointing import USUAL_CHECKPOINTS, CheckpointSpec
from service.contracts.metrics import Metric
from service.contracts.plan import StudyAssignment, TrialAssignment
from service.contracts.schedule import Schedule
from service.contracts.workers import Workers
from workers.storage import at_the_storage


class UnknownToWorkers(LookupError):
    """The assignment names something that these workers' catalogue lacks."""


_NO_MATTER = frozenset({"workers", "checkpoint", "rungs", "metric", "memory"})
"""Fields of a plan on which no loss depends, or by rounding alone."""


class TrialPlan(Contract):
    """What one trial is, complete: it can be handed to any worker."""

    comparison_id: str
    problem: str
    batch_size: int
    epochs: int
    divergence_loss: float
    """A loss above this counts as diverged."""
    threads: int
    use_gpu: bool
    workers: Workers = 1
    """Ranks that train it together."""
    checkpoint: CheckpointSpec = USUAL_CHECKPOINTS
    """How often it is saved."""
    rungs: tuple[int, ...] = ()
    """Epochs after which it may be stopped early; it is saved there whatever ``checkpoint`` says,
    so that one that goes on is past all the rungs at which it was judged."""
    metric: Metric = Metric.TRAIN_LOSS
    """The loss whose lowest value makes a checkpoint the best."""
    memory: int | None = None
    """Bytes that each of their processes may take, under Ray; None for no limit."""
    trial: TrialAssignment

    def identity(self) -> str:
        """Digest of what the losses depend on; a checkpoint is good for no other run.

        It is good for another number of ranks, which change the losses by rounding alone, and for
        another limit of memory. A longer run can go on from a shorter one's checkpoint where its
        learning rates are the same so far; under a schedule that knows the length it begins again.
        """
        scheduled = Schedule.of(self.trial.settings).depends_on_length
        epochs = self.epochs if scheduled else 0
        fixed = {"epochs": epochs, "comparison_id": ""}
        return self.model_copy(update=fixed).digest(without=_NO_MATTER)


def plan_trials(
    assignment: StudyAssignment,
    catalogue: Catalogue,
    *,
    disabled: Sequence[DisabledPlugin] = (),
) -> tuple[TrialPlan, ...]:
    """The trials of an assignment, each complete in itself, in their order.

    Args:
        assignment: What to run.
        catalogue: What these workers have.
        disabled: Plug-ins that cannot be used here: they may be what is lacking.

    Raises:
        UnknownToWorkers: If the catalogue lacks the problem or an optimizer.
    """
    problem = catalogue.problem(assignment.problem)
    if problem is None:
        raise _unknown(f"problem {assignment.problem!r}", disabled)
    for trial in assignment.trials:
        if catalogue.optimizer(trial.optimizer) is None:
            raise _unknown(f"optimizer {trial.optimizer!r}", disabled)
    return tuple(
        TrialPlan(
            comparison_id=assignment.comparison_id,
            problem=assignment.problem,
            batch_size=assignment.batch_size,
            epochs=assignment.epochs,
            divergence_loss=problem.divergence_loss,
            threads=assignment.threads,
            use_gpu=assignment.gpus > 0,
            workers=assignment.workers,
            checkpoint=assignment.checkpoint,
            rungs=assignment.rungs.epochs if assignment.rungs else (),
            metric=assignment.metric,
            memory=assignment.memory,
            trial=trial,
        )
        for trial in assignment.trials
    )


def _unknown(what: str, disabled: Sequence[DisabledPlugin]) -> UnknownToWorkers:
    lacking = f"these workers have no {what}: install the plug-in that brings it on all of them"
    return UnknownToWorkers("; ".join((lacking, *map(str, disabled))))


_SPENT = "spent"


@dataclass(frozen=True)
class Spent:
    """What a trial has cost since it began, over all of its processes.

    Attributes:
        seconds: Of its clock on the wall.
        worker_seconds: The same, each second times the ranks of its time.
    """

    seconds: float = 0.0
    worker_seconds: float = 0.0

    def and_then(self, seconds: float, *, ranks: int) -> "Spent":
        """What it has cost once so many ranks have brought it to these seconds."""
        more = (seconds - self.seconds) * ranks
        return Spent(seconds, self.worker_seconds + more)

    def or_more(self, other: "Spent") -> "Spent":
        """The larger of two records, each of which may know a part alone."""
        return Spent(
            max(self.seconds, other.seconds), max(self.worker_seconds, other.worker_seconds)
        )


@dataclass(frozen=True)
class TrialFolder:
    """Where a trial keeps what outlives its process: ``storage/comparison/trial``."""

    path: Path

    @classmethod
    def of(cls, storage: Path, *, comparison_id: str, trial_id: str) -> "TrialFolder":
        """The folder of this trial; it need not exist."""
        return cls(storage / comparison_id / trial_id)

    def cancel(self) -> None:
        """Leave the sign that stops the trial between two steps, on whichever machine it trains.

        The checkpoint stays: a trial that was paused goes on from it in a later attempt.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._sign.touch()

    def let_run(self) -> None:
        """Take the sign of an earlier attempt away: the trial has been resumed since."""
        self._sign.unlink(missing_ok=True)

    def note_spent(self, spent: Spent) -> None:
        """Note what the trial has cost, for a process that goes on from an earlier checkpoint.

        Raises:
            OSError: If it cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / ".spent"
        temporary.write_text(f"{spent.seconds!r} {spent.worker_seconds!r}", encoding="ascii")
        temporary.replace(self.path / _SPENT)

    def spent(self) -> Spent:
        """What was noted last; 0 where nothing was, or a power cut took it.

        Of one worker, where an earlier version noted the seconds alone.
        """
        try:
            noted = [float(one) for one in (self.path / _SPENT).read_text("ascii").split()]
            return Spent(noted[0], noted[-1])
        except (OSError, ValueError, IndexError):
            return Spent()

    def remove(self) -> None:
        """Forget what was kept; nothing is there afterwards, as there may have been before."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path)

    def is_cancelled(self) -> bool:
        """Whether that sign is there.

        Raises:
            StorageFailed: If it cannot be said.
        """
        with at_the_storage():
            return self._sign.exists()

    @property
    def _sign(self) -> Path:
        return self.path / "cancelled"
