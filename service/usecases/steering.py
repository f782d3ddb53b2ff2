"""How a comparison, one contender or one trial is cancelled, held and let go on, in its rows.

A trial's row says at once what a person wants; its process follows within seconds, by the answer
to its driver's heartbeat. Studies and the comparison follow from their trials.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ENDED_TRIALS,
    ComparisonState,
    StudyState,
    TrialState,
)
from service.domain.errors import NotFound, TransitionRefused
from service.domain.ports import UnitOfWork
from service.domain.records import ComparisonRecord, StudyRecord, TrialRecord
from service.usecases import endings
from service.usecases.ledger import Ledger

_NO_DRIVER = (StudyState.QUEUED, StudyState.PAUSED)


@dataclass(frozen=True, slots=True)
class Steering:
    """One person's wish, within one transaction that holds the comparison.

    What is as it was wished stays as it is, so that a wish may be repeated. Every method raises
    TransitionRefused where the table of states does not allow it, and NotFound where the
    comparison has no such contender.
    """

    unit: UnitOfWork
    ledger: Ledger
    comparison: ComparisonRecord
    reason: str
    """What was done by whom."""

    def cancel(self) -> None:
        """End the comparison: what waits at once, what runs by the dispatcher."""
        if self.comparison.state in (ComparisonState.CANCELLING, ComparisonState.CANCELLED):
            return
        self.ledger.comparison(self.comparison, ComparisonState.CANCELLING, self.reason)
        running = False
        for study in self.unit.studies.of(self.comparison.id):
            if study.state in _NO_DRIVER:
                endings.cancel(self.unit, self.ledger, study, self.reason)
            elif study.state not in ENDED_STUDIES:
                self._stop(study)
                running = True
        if not running:
            cancelling = replace(self.comparison, state=ComparisonState.CANCELLING)
            self.ledger.comparison(cancelling, ComparisonState.CANCELLED, self.reason)

    def cancel_contender(self, name: str) -> None:
        """Take a contender out; without any contender left, the comparison ends."""
        trials = self._open_trials(name)
        if name in self.comparison.cancelled:
            return
        self._check_open()
        cancelled = (*self.comparison.cancelled, name)
        self.unit.comparisons.set_cancelled(self.comparison.id, cancelled)
        self.ledger.remark(self.comparison, f"contender {name} {self.reason}")
        if len(cancelled) == len(self.comparison.spec.contenders):
            self.cancel()
        else:
            self._change(trials, TrialState.CANCELLED)

    def cancel_trial(self, trial: TrialRecord) -> None:
        """End one trial; the others go on."""
        if trial.state is not TrialState.CANCELLED:
            _check_unended(trial)
            self._change([trial], TrialState.CANCELLED)

    def pause(self) -> None:
        """Hold the comparison: nothing of it waits or runs until it is resumed."""
        if self.comparison.state is not ComparisonState.PAUSED:
            self.ledger.comparison(self.comparison, ComparisonState.PAUSED, self.reason)
            self._change(_not_paused(self._open_trials()), TrialState.PAUSED)

    def pause_contender(self, name: str) -> None:
        """Hold what a contender has in the queue or running."""
        trials = self._open_trials(name)
        self._check_open()
        if not trials:
            raise TransitionRefused(
                f"contender {name} of comparison {self.comparison.id} has no trial that waits or "
                "runs now"
            )
        self._change(_not_paused(trials), TrialState.PAUSED)

    def pause_trial(self, trial: TrialRecord) -> None:
        """Hold one trial; the others go on."""
        _check_unended(trial)
        self._change(_not_paused([trial]), TrialState.PAUSED)

    def resume(self) -> None:
        """Let everything go on that is held, whoever held it and how."""
        self._check_open()
        self._go_on(self._open_trials())
        wake(self.ledger, self.comparison)

    def resume_contender(self, name: str) -> None:
        """Let everything of a contender go on that is held."""
        trials = self._open_trials(name)
        self._check_open()
        if self._go_on(trials):
            wake(self.ledger, self.comparison)

    def resume_trial(self, trial: TrialRecord) -> None:
        """Let one trial go on."""
        _check_unended(trial)
        if self._go_on([trial]):
            wake(self.ledger, self.comparison)

    def _stop(self, study: StudyRecord) -> None:
        if study.state is not StudyState.CANCELLING:
            self.ledger.study(study, StudyState.CANCELLING, self.reason)

    def _open_trials(self, contender: str | None = None) -> list[TrialRecord]:
        """Its trials that have not ended, or those of one contender."""
        labels = [entry.label for entry in self.comparison.spec.contenders]
        if contender is not None and contender not in labels:
            raise NotFound(
                f"comparison {self.comparison.id} has no contender {contender!r}; "
                f"it has {', '.join(labels)}"
            )
        trials = self.unit.trials.of(self.comparison.id, contender=contender)
        return [trial for trial in trials if trial.state not in ENDED_TRIALS]

    def _check_open(self) -> None:
        state = self.comparison.state
        if state in ENDED_COMPARISONS or state is ComparisonState.CANCELLING:
            raise TransitionRefused(
                f"comparison {self.comparison.id} is {state}; this can be asked of one that is "
                "queued, running or paused"
            )

    def _change(self, trials: Sequence[TrialRecord], after: TrialState) -> None:
        """Change trials, and bring their studies in line."""
        self.ledger.trials(trials, after, self.reason)
        for study in self._studies_of(trials):
            endings.settle(self.unit, self.ledger, study, self.reason)

    def _go_on(self, trials: Iterable[TrialRecord]) -> bool:
        """Queue those trials again that are held; whether there were any.

        In a study that runs, they wait for its next attempt.
        """
        paused = [trial for trial in trials if trial.state is TrialState.PAUSED]
        self._change(paused, TrialState.QUEUED)
        return bool(paused)

    def _studies_of(self, trials: Sequence[TrialRecord]) -> list[StudyRecord]:
        concerned = {trial.study_id for trial in trials}
        studies = self.unit.studies.of(self.comparison.id)
        return [study for study in studies if study.id in concerned]


def wake(ledger: Ledger, comparison: ComparisonRecord) -> None:
    """Let a comparison that is paused run again, or wait again where it had not begun."""
    if comparison.state is ComparisonState.PAUSED:
        begun = comparison.started_at is not None
        ledger.comparison(comparison, ComparisonState.RUNNING if begun else ComparisonState.QUEUED)


def _check_unended(trial: TrialRecord) -> None:
    if trial.state in ENDED_TRIALS:
        raise TransitionRefused(f"trial {trial.id} has ended: it is {trial.state}")


def _not_paused(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [trial for trial in trials if trial.state is not TrialState.PAUSED]
