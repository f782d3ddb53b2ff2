"""The one way to change a state: checked against the table, written, and numbered as a change."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from service.contracts.states import ComparisonState, FailureKind, StudyState, TrialState
from service.contracts.views import ChangeEvent
from service.domain import transitions
from service.domain.ports import Clock, UnitOfWork
from service.domain.records import ComparisonRecord, StudyRecord, TrialRecord
from service.usecases.announcing import announce


class Ledger:
    """Changes states within one comparison; leaving the block stores the numbered changes.

    The comparison must be locked (or new) in the unit of work, so that numbers have no gaps.
    """

    def __init__(self, unit: UnitOfWork, comparison_id: str, *, actor: str, clock: Clock) -> None:
        self._unit = unit
        self._comparison_id = comparison_id
        self._actor = actor
        self._at = clock.now()
        self._changes: list[ChangeEvent] = []

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Store the changes, with what webhooks hear of them, unless something went wrong."""
        if kind is None:
            numbered = self._unit.changes.append(self._comparison_id, self._changes)
            announce(self._unit, self._comparison_id, numbered, now=self._at)

    def created(self, subject: str, subject_id: str, after: str) -> None:
        """Note that something began to be."""
        self._note(subject, subject_id, None, after, "")

    def claimed(self, study: StudyRecord) -> None:
        """Note that a study was claimed; the guarded update has written it."""
        transitions.check(study.state, StudyState.SUBMITTED)
        self._note("study", study.id, study.state, StudyState.SUBMITTED, "")

    def comparison(
        self, comparison: ComparisonRecord, after: ComparisonState, reason: str = ""
    ) -> None:
        """Change the comparison's state."""
        transitions.check(comparison.state, after)
        self._unit.comparisons.set_state(comparison.id, after, reason=reason, at=self._at)
        self._note("comparison", comparison.id, comparison.state, after, reason)

    def remark(self, comparison: ComparisonRecord, reason: str) -> None:
        """Note a change of the comparison that is not one of state."""
        self._note("comparison", comparison.id, comparison.state, comparison.state, reason)

    def study(self, study: StudyRecord, after: StudyState, reason: str = "") -> None:
        """Change a study's state."""
        transitions.check(study.state, after)
        self._unit.studies.set_state(study.id, after, reason=reason, at=self._at)
        self._note("study", study.id, study.state, after, reason)

    def trial(
        self,
        trial: TrialRecord,
        after: TrialState,
        reason: str = "",
        *,
        failure: FailureKind | None = None,
    ) -> None:
        """Change a trial's state."""
        transitions.check(trial.state, after)
        self._unit.trials.set_state(trial, after, at=self._at, failure=failure, message=reason)
        self._note("trial", trial.id, trial.state, after, reason)

    def trials(
        self,
        trials: Sequence[TrialRecord],
        after: TrialState,
        reason: str = "",
        *,
        failure: FailureKind | None = None,
    ) -> None:
        """Change the state of several trials."""
        for trial in trials:
            self.trial(trial, after, reason, failure=failure)

    def _note(
        self, subject: str, subject_id: str, before: str | None, after: str, reason: str
    ) -> None:
        change = ChangeEvent(
            number=0,
            at=self._at,
            subject=subject,
            subject_id=subject_id,
            before=before,
            after=after,
            actor=self._actor,
            reason=reason,
        )
        self._changes.append(change)
