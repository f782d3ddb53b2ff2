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
    """End an attempt whose driver is gone: done, queued again, or failed for good."""
    trials = unit.trials.of(study.comparison_id, study_id=study.id)
    unfinished = [trial for trial in trials if trial.state not in ENDED_TRIALS]
    if not unfinished:
        finish(ledger, study)
        return
    reached = how_far(trials)
    fruitless = 0 if reached > study.reached else study.fruitless + 1
    if fruitless >= limits.fruitless or study.attempt >= limits.attempts:
        sentence = f"gave up after attempt {study.attempt}: {reason}"
        fail(unit, ledger, study, sentence, failure=FailureKind.LOST_WORKER)
        return
    running = [trial for trial in unfinished if trial.state is TrialState.RUNNING]
    ledger.trials(running, TrialState.QUEUED, reason)
    ledger.study(study, StudyState.QUEUED, reason)
    unit.studies.set_fruitless(study.id, fruitless, reached=reached)


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
