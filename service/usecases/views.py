"""Rows as the views that people see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.contracts.start import StartView
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_TRIALS,
    ComparisonState,
    StudyKind,
    TrialState,
)
from service.contracts.views import ComparisonView, ContenderProgress, StudyView, TrialView
from service.domain.ports import UnitOfWork
from service.domain.records import (
    ComparisonRecord,
    StudyRecord,
    StudyTally,
    TrialRecord,
    TrialTally,
)

_PACED = (ComparisonState.QUEUED, ComparisonState.RUNNING, ComparisonState.CANCELLING)
_PACE_FROM = 0.02
"""Share of the work from which on the pace says something."""


@dataclass(frozen=True, slots=True)
class _Around:
    """What a comparison's view needs besides its own row."""

    tallies: Sequence[TrialTally]
    with_finals: frozenset[str]
    last_heartbeat: datetime | None


def comparison_views(
    unit: UnitOfWork, comparisons: Sequence[ComparisonRecord], *, now: datetime
) -> tuple[ComparisonView, ...]:
    """The views of some comparisons, in three queries however many they are."""
    ids = [comparison.id for comparison in comparisons]
    tallies = unit.trials.tallies(ids)
    finals = unit.studies.finals(ids)
    heartbeats = unit.studies.last_heartbeats(ids)
    return tuple(
        _comparison_view(
            comparison,
            _Around(
                tallies=[tally for tally in tallies if tally.comparison_id == comparison.id],
                with_finals=finals.get(comparison.id, frozenset()),
                last_heartbeat=heartbeats.get(comparison.id),
            ),
            now=now,
        )
        for comparison in comparisons
    )


def _comparison_view(
    comparison: ComparisonRecord, around: _Around, *, now: datetime
) -> ComparisonView:
    spec = comparison.spec
    contenders = tuple(
        _contender_progress(
            comparison, around, label=contender.label, optimizer=contender.optimizer
        )
        for contender in spec.contenders
    )
    planned = sum(contender.epochs for contender in contenders)
    done = sum(contender.epochs_done for contender in contenders)
    progress = min(done / planned, 1.0) if planned else 1.0
    return ComparisonView(
        id=comparison.id,
        name=comparison.name,
        state=comparison.state,
        reason=comparison.reason,
        created_at=comparison.created_at,
        started_at=comparison.started_at,
        ended_at=comparison.ended_at,
        problems=spec.problems,
        contenders=contenders,
        baseline=spec.baseline_label,
        progress=progress,
        seconds_left=seconds_left(comparison, progress, now=now),
        worker_seconds=sum(contender.worker_seconds for contender in contenders),
        last_heartbeat=around.last_heartbeat,
        verdict=comparison.verdict,
        spec=spec,
        owner=comparison.owner,
        priority=spec.priority,
        tags=spec.tags,
    )


def _contender_progress(
    comparison: ComparisonRecord, around: _Around, *, label: str, optimizer: str
) -> ContenderProgress:
    tallies = [tally for tally in around.tallies if tally.contender == label]
    ended = [tally for tally in tallies if tally.state in ENDED_TRIALS]
    budget = comparison.spec.budget.epochs
    cancelled = label in comparison.cancelled
    to_come = 0 if cancelled else _finals_to_come(comparison, around)
    trials = sum(tally.trials for tally in tallies) + to_come
    epochs_done = sum(tally.trials for tally in ended) * budget + sum(
        tally.epochs_done for tally in tallies if tally.state not in ENDED_TRIALS
    )
    losses = [tally.best_loss for tally in tallies if tally.best_loss is not None]

    def counted(state: TrialState) -> int:
        return sum(tally.trials for tally in tallies if tally.state is state)

    return ContenderProgress(
        name=label,
        optimizer=optimizer,
        trials=trials,
        trials_ended=sum(tally.trials for tally in ended),
        epochs=trials * budget,
        epochs_done=epochs_done,
        diverged=counted(TrialState.DIVERGED),
        failed=counted(TrialState.FAILED),
        stopped=counted(TrialState.STOPPED),
        best_loss=min(losses, default=None),
        worker_seconds=sum(tally.worker_seconds for tally in tallies),
        paused=counted(TrialState.PAUSED),
        cancelled=cancelled,
    )


def _finals_to_come(comparison: ComparisonRecord, around: _Around) -> int:
    """Finals that are planned for each contender but not yet rows."""
    if comparison.state in ENDED_COMPARISONS:
        return 0
    problems = set(comparison.spec.problems) - around.with_finals
    return len(problems) * comparison.spec.seeds


def seconds_left(comparison: ComparisonRecord, progress: float, *, now: datetime) -> float | None:
    """What is left at the pace so far; None before there is one, in a pause and at the end."""
    if comparison.started_at is None or comparison.state not in _PACED:
        return None
    if progress < _PACE_FROM:
        return None
    elapsed = (now - comparison.started_at).total_seconds()
    return max(elapsed * (1 - progress) / progress, 0.0)


def study_views(
    studies: Sequence[StudyRecord], tallies: Mapping[str, StudyTally]
) -> tuple[StudyView, ...]:
    """The views of studies."""
    return tuple(
        StudyView(
            id=study.id,
            kind=study.kind,
            problem=study.problem,
            contender=study.contender,
            state=study.state,
            reason=study.reason,
            attempt=study.attempt,
            trials=study.trials,
            trials_ended=tallies[study.id].ended if study.id in tallies else 0,
            last_heartbeat=study.last_heartbeat,
            started_at=study.started_at,
            ended_at=study.ended_at,
            start=_start_view(study),
        )
        for study in studies
    )


def _start_view(study: StudyRecord) -> StartView | None:
    """The phases from its queueing to its first metric."""
    start, submitted = study.start, study.submitted_at
    if start is None or submitted is None:
        return None
    waiting = (submitted - study.created_at).total_seconds() if study.attempt == 1 else 0.0
    job = max((start.began_at - submitted).total_seconds(), 0.0)
    phases = start.model_dump(exclude={"began_at"})
    return StartView(
        waiting_seconds=max(waiting, 0.0),
        job_seconds=job,
        total_seconds=job + sum(phases.values()),
        **phases,
    )


def trial_view(trial: TrialRecord) -> TrialView:
    """The view of a trial."""
    return TrialView(
        id=trial.id,
        study_id=trial.study_id,
        kind=StudyKind(trial.kind),
        problem=trial.problem,
        contender=trial.contender,
        optimizer=trial.optimizer,
        point=trial.point,
        settings=dict(trial.settings),
        seed=trial.seed,
        state=trial.state,
        failure=trial.failure,
        message=trial.message,
        attempt=trial.attempt,
        epochs_done=trial.epochs_done,
        best_loss=trial.best_loss,
        final_loss=trial.final_loss,
        training_seconds=trial.training_seconds,
        worker_seconds=trial.worker_seconds,
        usage=trial.usage,
        started_at=trial.started_at,
        ended_at=trial.ended_at,
    )
