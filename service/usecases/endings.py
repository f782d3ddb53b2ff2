"""How a study ends or starts over, with its trials: an ended study has ended trials alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.contracts.states import ENDED_TRIALS, FailureKind, StudyState, TrialState
from service.domain.ports import UnitOfWork
from service.domain.records import StudyRecord, TrialRecord
from service.usecases.ledger import Ledger


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How often a study may start over."""

    fruitless: int = 3
    """Attempts in a row that brought no new point and ended no trial; then it has failed."""
    attempts: int = 20
    """Attempts in all."""


def finish(ledger: Ledger, study: StudyRecord) -> None:
    """Close a study all of whose trials have ended."""
    if study.state is StudyState.SUBMITTED:
        ledger.study(study, StudyState.RUNNING)
        study = replace(study, state=StudyState.RUNNING)
    ledger.study(study, StudyState.FINISHED)


def fail(
    unit: UnitOfWork, ledger: Ledger, study: StudyRecord, reason: str, *, failure: FailureKind
) -> None:
    """Close a study as failed, and with it every trial that has not ended."""
    ledger.trials(_open_trials(unit, study), TrialState.FAILED, reason, failure=failure)
    ledger.study(study, StudyState.FAILED, reason)


def cancel(unit: UnitOfWork, ledger: Ledger, study: StudyRecord, reason: str) -> None:
    """Close a study as cancelled, and with it every trial that has not ended."""
    ledger.trials(_open_trials(unit, study), TrialState.CANCELLED, reason)
    ledger.study(study, StudyState.CANCELLED, reason)


def lose(
    unit: UnitOfWork, ledger: Ledger, study: StudyRecord, reason: str, *, limits: AttemptLimits
) -> None:
    """End an attempt whose driver is gone: done, paused, queued again, or failed for good."""
    trials = unit.trials.of(study.comparison_id, study_id=study.id)
    unfinished = [trial for trial in trials if trial.state not in ENDED_TRIALS]
    if not unfinished:
        finish(ledger, study)
        return
    if all(trial.state is TrialState.PAUSED for trial in unfinished):
        ledger.study(study, StudyState.PAUSED, "its other trials have ended")
        return
    reached = how_far(trials)
    fruitless = 0 if reached > study.reached else study.fruitless + 1
    if fruitless >= limits.fruitless or study.attempt - study.excused >= limits.attempts:
        sentence = f"gave up after attempt {study.attempt}: {reason}"
        fail(unit, ledger, study, sentence, failure=FailureKind.LOST_WORKER)
        return
    running = [trial for trial in unfinished if trial.state is TrialState.RUNNING]
    ledger.trials(running, TrialState.QUEUED, reason)
    ledger.study(study, StudyState.QUEUED, reason)
    unit.studies.set_fruitless(study.id, fruitless, reached=reached)


def hold(unit: UnitOfWork, ledger: Ledger, study: StudyRecord) -> None:
    """Put a study aside whose driver was stopped; back in the queue where a trial may go on.

    The attempt spends nothing, for a person ended it.
    """
    trials = unit.trials.of(study.comparison_id, study_id=study.id)
    running = [trial for trial in trials if trial.state is TrialState.RUNNING]
    ledger.trials(running, TrialState.QUEUED)
    waiting = running or any(trial.state is TrialState.QUEUED for trial in trials)
    ledger.study(study, StudyState.QUEUED if waiting else StudyState.PAUSED, study.reason)
    unit.studies.excuse(study.id)
    unit.studies.set_fruitless(study.id, study.fruitless, reached=how_far(trials))


def settle(unit: UnitOfWork, ledger: Ledger, study: StudyRecord, reason: str) -> None:
    """Bring a study in line with its trials, some of which a person cancelled, held or let go on.

    Its driver stops the trials of which the heartbeat's answer tells; with none left to run, the
    driver itself is stopped, which frees what it holds.
    """
    after = _in_line(study.state, _open_trials(unit, study))
    if after is not study.state:
        ledger.study(study, after, reason)


def _in_line(before: StudyState, unfinished: Sequence[TrialRecord]) -> StudyState:
    """The state that fits a study with these trials left."""
    to_run = any(trial.state is not TrialState.PAUSED for trial in unfinished)
    match before:
        case StudyState.QUEUED | StudyState.PAUSED:
            if not unfinished:
                return StudyState.CANCELLED
            return StudyState.QUEUED if to_run else StudyState.PAUSED
        case StudyState.SUBMITTED | StudyState.RUNNING | StudyState.PAUSING:
            if not unfinished:
                return StudyState.CANCELLING
            return before if to_run else StudyState.PAUSING
        case _:
            return before


def how_far(trials: Sequence[TrialRecord]) -> int:
    """A measure that grows with every new point and with every trial that ends.

    The steps from 0 to the highest that any attempt reached, over all trials, plus the ended
    trials: what an attempt tells once more, from a checkpoint on, adds nothing.
    """
    steps = sum(trial.highest_step + 1 for trial in trials if trial.highest_step is not None)
    return steps + sum(trial.state in ENDED_TRIALS for trial in trials)


def _open_trials(unit: UnitOfWork, study: StudyRecord) -> list[TrialRecord]:
    trials = unit.trials.of(study.comparison_id, study_id=study.id)
    return [trial for trial in trials if trial.state not in ENDED_TRIALS]
