"""Folds a batch of a driver's events into the rows: points, figures and states."""

from dataclasses import dataclass, field, replace
from typing import assert_never

from service.contracts.events import (
    EventBatch,
    MetricPoint,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialProposed,
    TrialStarted,
)
from service.contracts.metrics import Metric
from service.contracts.space import Space, refusal
from service.contracts.states import FailureKind, TrialState
from service.domain.errors import NotFound, TransitionRefused
from service.domain.ports import UnitOfWork
from service.domain.records import StudyRecord, TrialFigures, TrialRecord
from service.usecases import endings, figures
from service.usecases.endings import AttemptLimits
from service.usecases.ledger import Ledger


@dataclass(slots=True)
class Ingest:
    """One batch on its way into the rows, within one transaction."""

    unit: UnitOfWork
    ledger: Ledger
    study: StudyRecord
    metric: Metric
    """The loss of the figures: the one that decides on the study's problem."""
    limits: AttemptLimits
    space: Space
    """Where points may be proposed; empty where the study's points were drawn beforehand."""
    _trials: dict[str, TrialRecord] = field(default_factory=dict)
    _told: dict[int, list[MetricPoint]] = field(default_factory=dict)
    """Points by the trial's key that the figures do not know yet."""
    _points: list[tuple[int, MetricPoint]] = field(default_factory=list)
    _figures: dict[int, TrialFigures] = field(default_factory=dict)
    _changed: set[int] = field(default_factory=set)

    def take(self, batch: EventBatch) -> None:
        """Take the events in their order.

        Raises:
            NotFound: Where an event names a trial that the study does not have.
            TransitionRefused: Where the table of states does not allow what an event says.
        """
        self._look_up(batch)
        for event in batch.events:
            match event:
                case TrialPoint():
                    self._point(event)
                case TrialProposed():
                    self._proposed(event)
                case TrialStarted():
                    self._started(event)
                case TrialEnded():
                    self._ended(event)
                case StudyEnded():
                    self._flush()
                    self._study_ended(event)
                case _:
                    assert_never(event)
        self._flush()

    def _look_up(self, batch: EventBatch) -> None:
        named = {event.trial_id for event in batch.events if not isinstance(event, StudyEnded)}
        self._trials = dict(self.unit.trials.named(self.study.id, named))
        if unknown := sorted(named - self._trials.keys()):
            raise NotFound(f"study {self.study.id} has no trial {unknown[0]}")

    def _point(self, event: TrialPoint) -> None:
        trial = self._trials[event.trial_id]
        if self._is_held(trial):
            return
        if trial.attempt != self.study.attempt:
            raise TransitionRefused(
                f"trial {trial.id} has not started in attempt {self.study.attempt}"
            )
        self._points.append((trial.key, event.point))
        self._told.setdefault(trial.key, []).append(event.point)

    def _proposed(self, event: TrialProposed) -> None:
        """Give a trial its point, which it keeps: one that was told before changes nothing."""
        trial = self._trials[event.trial_id]
        if trial.point == event.point or self._is_held(trial):
            return
        if trial.point or not self.space:
            raise TransitionRefused(f"trial {trial.id} has its point already")
        if reason := refusal(self.space, event.point):
            raise TransitionRefused(f"the point of trial {trial.id} is not searched: {reason}")
        settings = {**trial.settings, **event.point}
        self.unit.trials.set_point(trial, event.point, settings)
        self._trials[trial.id] = replace(trial, point=event.point, settings=settings)

    def _started(self, event: TrialStarted) -> None:
        trial = self._trials[event.trial_id]
        if self._is_held(trial):
            self.unit.trials.set_started(trial, self.study.attempt, event.environment)
            self._trials[trial.id] = replace(trial, attempt=self.study.attempt)
            return
        if not self.unit.events.first(trial.key, self.study.attempt, event.number):
            return
        if trial.state is not TrialState.RUNNING:
            self.ledger.trial(trial, TrialState.RUNNING)
        self.unit.trials.set_started(trial, self.study.attempt, event.environment)
        self._flush()
        self.unit.points.drop_after(trial.key, event.resumed_from_epoch)
        kept = self.unit.points.of([trial.key])[trial.key]
        known = self._known(trial)
        afresh = TrialFigures(
            last_step=None,
            highest_step=known.highest_step,
            epochs_done=0,
            best_loss=None,
            final_loss=None,
            training_seconds=None,
            worker_seconds=known.worker_seconds,
        )
        self._note(trial, figures.following(afresh, kept, metric=self.metric, costs=False))
        self._trials[trial.id] = replace(
            trial, state=TrialState.RUNNING, attempt=self.study.attempt, started_at=event.at
        )

    def _ended(self, event: TrialEnded) -> None:
        trial = self._trials[event.trial_id]
        if self._is_held(trial) or not self.unit.events.first(
            trial.key, self.study.attempt, event.number
        ):
            return
        after = TrialState(event.outcome)
        failure = event.failure
        if after is TrialState.FAILED and failure is None:
            failure = FailureKind.BUG
        self.ledger.trial(trial, after, event.message, failure=failure)
        self.unit.trials.set_usage(trial, event.usage)
        known = self._known(trial)
        cost = figures.no_less(known.worker_seconds, event.worker_seconds)
        self._note(trial, replace(known, worker_seconds=cost))
        self._trials[trial.id] = replace(trial, state=after, ended_at=event.at)

    def _is_held(self, trial: TrialRecord) -> bool:
        """Whether a person stopped the trial in this attempt: what its process still says is void.

        Resumed, it is queued for the next attempt, which tells of it from its checkpoint on.
        """
        stopped = trial.state in (TrialState.PAUSED, TrialState.CANCELLED)
        resumed = trial.state is TrialState.QUEUED and trial.attempt == self.study.attempt
        return stopped or resumed

    def _study_ended(self, event: StudyEnded) -> None:
        """Whatever the driver says: with every trial ended the study is done, else it is not.

        Where it ended well and lost none, a person held what is left: the attempt spends nothing.
        """
        reason = event.message or "the driver ended before all of its trials had"
        study = self.study
        if event.outcome == "finished" and not self.unit.trials.in_state(
            study.id, TrialState.RUNNING
        ):
            self.unit.studies.excuse(study.id)
            study = replace(study, excused=study.excused + 1)
        endings.lose(self.unit, self.ledger, study, reason, limits=self.limits)

    def _known(self, trial: TrialRecord) -> TrialFigures:
        """The figures of a trial with all that this batch has said of it."""
        known = self._figures.get(trial.key) or figures.stored(trial)
        if told := self._told.pop(trial.key, None):
            costs = trial.ended_at is None
            known = figures.following(known, told, metric=self.metric, costs=costs)
            self._note(trial, known)
        return known

    def _note(self, trial: TrialRecord, figures: TrialFigures) -> None:
        self._figures[trial.key] = figures
        self._changed.add(trial.key)

    def _flush(self) -> None:
        for trial in self._trials.values():
            self._known(trial)
        self.unit.points.upsert(self.study.attempt, self._points)
        self.unit.trials.set_figures({key: self._figures[key] for key in self._changed})
        self._points.clear()
        self._changed.clear()
