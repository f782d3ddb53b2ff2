"""A trial from its start or its checkpoint to its end, told as events."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal

import torch

from service.contracts.events import Event, MetricPoint, TrialEnded, TrialPoint, TrialStarted
from service.contracts.states import FailureKind
from service.contracts.usage import Usage
from workers.checkpoint import Checkpoint, CheckpointDamaged, CheckpointStore
from workers.context import Spent, TrialFolder, TrialPlan
from workers.data.identity import data_of
from workers.environment import describe_environment, require_cuda
from workers.failures import classify
from workers.loop import Cancelled, Diverged, RunSettings, TrainingRun
from workers.plugins import made_with
from workers.problems import Problem, build_problem
from workers.ranks.base import ALONE, Ranks

STARTED, ENDED = 0, 1
"""The numbers of a trial's two lifecycle events, as its process gives them."""
NOTE_SECONDS = 1.0
"""How often at most an epoch that is not saved has its cost noted: on a shared file system that
takes several round trips, which rare checkpoints are to spare."""

logger = logging.getLogger(__name__)


class Trial:
    """One trial: :meth:`start`, then :meth:`advance` until :attr:`ended`.

    Both return the events that happened, in their order. An epoch is trained, measured, saved
    where that is due, and told; the last one is always saved before it is told. A trial that
    resumes tells its whole history again up to its checkpoint, and trains what came after it once
    more; whoever listens forgets that, and keys the points by trial and step. No exception leaves
    the methods: a failure is an event.

    Several ranks have a trial each and call the same methods in the same order. The events are
    the same on all of them, but for the end of one that fails: only it may know, and has to leave
    the group, so that the others do not wait for it.

    Args:
        plan: What to train.
        folder: Where its checkpoint lies, and the sign that cancels it.
        problems: Gives the problem of a name.
        ranks: Who trains it.
    """

    def __init__(
        self,
        plan: TrialPlan,
        folder: TrialFolder,
        *,
        problems: Callable[[str], Problem] = build_problem,
        ranks: Ranks = ALONE,
    ) -> None:
        self._plan, self._folder, self._problems = plan, folder, problems
        self._ranks = ranks
        self._plugins = made_with(problem=plan.problem, optimizer=plan.trial.optimizer)
        self._identity = " ".join((plan.identity(), *self._plugins))
        self._checkpoints = CheckpointStore(folder.path, ranks)
        self._points: tuple[MetricPoint, ...] = ()
        self._run: TrainingRun | None = None
        self._used_before: Usage | None = None
        self._saved_last: MetricPoint | None = None
        self._saved_best: MetricPoint | None = None
        self._spent_before = Spent()
        self._kept_seconds = 0.0
        self._resumed_from = 0
        self.ended = False

    def start(self) -> list[Event]:
        """Begin at the initial weights, or go on from the checkpoint."""
        at = datetime.now(UTC)
        try:
            if self._ranks.gather((self._folder.is_cancelled(),))[0][0]:
                self.ended = True
                return []
            torch.set_num_threads(self._plan.threads)
            events = self._or_diverged(self._begin)
        except Exception as error:  # noqa: BLE001 - a trial that fails must not end the others
            events = [self._failed(error)]
        return [self._started(at), *events]

    def advance(self) -> list[Event]:
        """Train one more epoch.

        Raises:
            RuntimeError: If the trial was not started or has ended.
        """
        if self._run is None or self.ended:
            raise RuntimeError("advance() needs a trial that was started and has not ended")
        try:
            return self._or_diverged(self._epoch)
        except Cancelled:
            self._note_spent()
            self.ended = True
            return []
        except Exception as error:  # noqa: BLE001 - a trial that fails must not end the others
            return [self._failed(error)]

    def _or_diverged(self, train: Callable[[], list[Event]]) -> list[Event]:
        """What training gave, or that it diverged; to save that may fail as training may."""
        try:
            return train()
        except Diverged as reason:
            return [self._diverged(str(reason))]

    def _epoch(self) -> list[Event]:
        assert self._run is not None
        return self._record(self._run.epoch())

    def _begin(self) -> list[Event]:
        if self._plan.use_gpu:
            require_cuda()
        saved = self._saved()
        self._spent_before = self._folder.spent()
        if saved is not None and saved.points:
            last = saved.points[-1]
            known = Spent(last.elapsed_seconds, last.worker_seconds)
            self._spent_before = self._spent_before.or_more(known)
        self._kept_seconds = self._spent_before.seconds
        if saved is None or saved.state is not None:
            self._run = TrainingRun(
                self._problems(self._plan.problem),
                self._settings(),
                cancelled=self._folder.is_cancelled,
                ranks=self._ranks,
                spent_seconds=self._spent_before.seconds,
            )
        if saved is None:
            assert self._run is not None
            return self._record(self._run.begin())
        if self._run is not None and saved.state is not None:
            self._run.resume(saved.state, saved.points[-1], saved.usage)
        return self._retell(saved)

    def _retell(self, saved: Checkpoint) -> list[Event]:
        """The history of a trial that goes on, and its end where that was reached."""
        self._warn_of_other_ranks(saved)
        self._points, self._used_before = saved.points, saved.usage
        self._saved_last = saved.points[-1] if saved.points else None
        self._saved_best = _of_epoch(saved.points, saved.best_epoch)
        self._resumed_from = saved.points[-1].epoch if saved.points else 0
        events: list[Event] = [self._told(point) for point in saved.points]
        if saved.diverged is not None:
            events.append(self._ended("diverged", message=saved.diverged))
        elif saved.points[-1].epoch >= self._plan.epochs:
            events.append(self._ended("finished"))
        return events

    def _record(self, point: MetricPoint) -> list[Event]:
        """Save the run with this point where that is due, then tell of it."""
        assert self._run is not None
        cost = self._spent_by(point.elapsed_seconds).worker_seconds
        point = point.model_copy(update={"cost": cost})
        self._points = (*self._points, point)
        try:
            self._run.check(point)
        except Diverged as reason:
            return [self._told(point), self._diverged(str(reason))]
        over = point.epoch >= self._plan.epochs
        if over or self._is_due(point):
            self._saved_last, self._saved_best = point, self._better(point)
            self._save(self._run.state())
            self._kept_seconds = point.elapsed_seconds
        elif point.elapsed_seconds - self._kept_seconds >= NOTE_SECONDS:
            self._note_spent()
        events: list[Event] = [self._told(point)]
        if over:
            events.append(self._ended("finished"))
        return events

    def _is_due(self, point: MetricPoint) -> bool:
        """Whether to save here; all ranks find the same, as their points are."""
        last = self._saved_last
        if last is None or point.epoch in self._plan.rungs:
            return True
        return self._plan.checkpoint.is_due(
            epochs=point.epoch - last.epoch, seconds=point.elapsed_seconds - last.elapsed_seconds
        )

    def _better(self, point: MetricPoint) -> MetricPoint | None:
        """The better one of this point and the best saved before; of equals the earlier."""
        loss, best = point.value(self._plan.metric), self._saved_best
        least = None if best is None else best.value(self._plan.metric)
        return point if loss is not None and (least is None or loss < least) else best

    def _note_spent(self) -> None:
        """Keep what the trial has cost where no checkpoint tells of it."""
        assert self._run is not None
        self._kept_seconds = self._run.elapsed_seconds
        if self._ranks.rank == 0:
            try:
                self._folder.note_spent(self._spent_by(self._kept_seconds))
            except OSError as error:
                logger.warning(
                    "%s: what it cost cannot be noted: %s", self._plan.trial.trial_id, error
                )

    def _diverged(self, reason: str) -> TrialEnded:
        self._save(None, diverged=reason)
        return self._ended("diverged", message=reason)

    def _failed(self, error: Exception) -> TrialEnded:
        logger.error("%s failed", self._plan.trial.trial_id, exc_info=error)
        failure = classify(error)
        return self._ended("failed", failure=failure.kind, message=failure.message)

    def _saved(self) -> Checkpoint | None:
        """The last checkpoint; where some rank's is damaged the best, or none, and says so."""
        instead = {
            self._checkpoints.load: "going on from the best one, where it is whole",
            self._checkpoints.load_best: "starting from the beginning",
        }
        for load, otherwise in instead.items():
            saved, damage = None, ""
            try:
                saved = load(self._identity)
            except CheckpointDamaged as error:
                damage = str(error)
            damaged = list(filter(None, self._ranks.gather_text(damage)))
            if not damaged:
                return saved
            logger.error(
                "%s: a checkpoint in %s cannot be used, %s; %s",
                self._plan.trial.trial_id,
                self._folder.path,
                damaged[0],
                otherwise,
            )
        return None

    def _warn_of_other_ranks(self, saved: Checkpoint) -> None:
        if saved.ranks != self._ranks.size:
            logger.warning(
                "%s: goes on with %s workers what %s had begun: its losses differ by rounding, "
                "and random numbers begin anew",
                self._plan.trial.trial_id,
                self._ranks.size,
                saved.ranks,
            )

    def _save(self, state: dict[str, object] | None, *, diverged: str | None = None) -> None:
        self._checkpoints.save(
            Checkpoint(
                self._identity,
                self._points,
                state,
                diverged=diverged,
                usage=self._usage(),
                best_epoch=self._saved_best.epoch if self._saved_best is not None else None,
            )
        )

    def _settings(self) -> RunSettings:
        trial = self._plan.trial
        return RunSettings(
            optimizer=trial.optimizer,
            settings=trial.settings,
            seed=trial.seed,
            batch_size=self._plan.batch_size,
            epochs=self._plan.epochs,
            divergence_loss=self._plan.divergence_loss,
            device=torch.device("cuda" if self._plan.use_gpu else "cpu"),
        )

    def _started(self, at: datetime) -> TrialStarted:
        return TrialStarted(
            trial_id=self._plan.trial.trial_id,
            number=STARTED,
            at=at,
            resumed_from_epoch=self._resumed_from,
            environment=describe_environment(
                self._settings().device,
                self._plan.threads,
                self._plugins,
                ranks=self._ranks.size,
                data=data_of(self._plan.problem),
            ),
        )

    def _told(self, point: MetricPoint) -> TrialPoint:
        return TrialPoint(trial_id=self._plan.trial.trial_id, point=point)

    def _ended(
        self,
        outcome: Literal["finished", "diverged", "failed"],
        *,
        failure: FailureKind | None = None,
        message: str = "",
    ) -> TrialEnded:
        self.ended = True
        return TrialEnded(
            trial_id=self._plan.trial.trial_id,
            number=ENDED,
            at=datetime.now(UTC),
            outcome=outcome,
            failure=failure,
            message=message,
            worker_seconds=self._spent().worker_seconds,
            usage=self._usage(),
        )

    def _usage(self) -> Usage | None:
        return self._used_before if self._run is None else self._run.usage

    def _spent(self) -> Spent:
        before, run = self._spent_before, self._run
        return before if run is None else self._spent_by(run.elapsed_seconds)

    def _spent_by(self, seconds: float) -> Spent:
        """What the trial had cost when it was so old; its ranks are the same in one process."""
        return self._spent_before.and_then(seconds, ranks=self._ranks.size)


def _of_epoch(points: Sequence[MetricPoint], epoch: int | None) -> MetricPoint | None:
    return next((point for point in points if point.epoch == epoch), None)
