"""The dispatcher's side: the queue, its claims, and the closing of what was lost."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from service.contracts.checkpointing import Keep
from service.contracts.spec import IfShort
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ComparisonState,
    StudyKind,
    StudyState,
    TrialState,
)
from service.domain.comparison_rows import Deleted
from service.domain.fairness import Share
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Capacity, ComparisonRecord, StudyRecord
from service.usecases import endings
from service.usecases.endings import AttemptLimits
from service.usecases.head_start import about_to_end
from service.usecases.ledger import Ledger

ACTOR = "dispatcher"
_LEAD = "dispatcher"
"""The lease of the dispatcher that leads."""
_LIVE = (StudyState.SUBMITTED, StudyState.RUNNING)


@dataclass(frozen=True, slots=True)
class Queue:
    """What the dispatcher may ask and tell."""

    units: Units
    clock: Clock
    limits: AttemptLimits

    def queued(self) -> tuple[StudyRecord, ...]:
        """The studies that wait, oldest comparison first, then by number."""
        with self.units.read() as unit:
            return unit.studies.queued()

    def shares(self) -> Mapping[str, Share]:
        """What each comparison that has not ended may ask of the queue, by its id."""
        with self.units.read() as unit:
            return unit.comparisons.shares()

    def live(self) -> tuple[StudyRecord, ...]:
        """The studies that a driver may be running, or is to be ended for."""
        with self.units.read() as unit:
            return unit.studies.live()

    def ending(self, studies: Iterable[StudyRecord], *, within: float) -> frozenset[str]:
        """The ids of the searches among these that are over within so many seconds."""
        with self.units.read() as unit:
            return about_to_end(unit, studies, within=within)

    def unfinished(self) -> tuple[tuple[str, int], ...]:
        """Id and last change of the comparisons that have not ended, oldest first."""
        with self.units.read() as unit:
            return unit.comparisons.live()

    def studies_of_ended(self, comparison_id: str) -> tuple[StudyRecord, ...] | None:
        """The studies of a comparison that has ended; None where it has not, or is not known."""
        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None or comparison.state not in ENDED_COMPARISONS:
                return None
            studies = unit.studies.of(comparison_id)
        ended = all(study.state in ENDED_STUDIES for study in studies)
        return studies if ended else None

    def deleted(self, comparison_ids: Collection[str]) -> Mapping[str, Deleted]:
        """Those of these comparisons that were deleted, by id."""
        with self.units.read() as unit:
            return unit.comparisons.deleted(comparison_ids)

    def kept_finals(self, comparison_id: str) -> tuple[str, ...]:
        """The trials whose best checkpoints outlive a comparison: finals that finished, of one that
        finished and asked for it."""
        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None or comparison.state is not ComparisonState.FINISHED:
                return ()
            if comparison.spec.checkpoint.keep is not Keep.BEST:
                return ()
            finals = {
                study.id
                for study in unit.studies.of(comparison_id)
                if study.kind is StudyKind.FINALS
            }
            trials = unit.trials.of(comparison_id)
        return tuple(
            trial.id
            for trial in trials
            if trial.study_id in finals and trial.state is TrialState.FINISHED
        )

    def lead(self, holder: str, *, seconds: float) -> bool:
        """Become, or stay for so long, the one dispatcher that starts studies; False: not now."""
        with self.units.write() as unit:
            return unit.leases.take(_LEAD, holder, seconds=seconds)

    def step_down(self, holder: str) -> None:
        """Let another dispatcher lead."""
        with self.units.write() as unit:
            unit.leases.release(_LEAD, holder)

    def claim(self, study: StudyRecord, *, leader: str | None = None) -> StudyRecord | None:
        """Take a queued study for its next attempt; None where it is no longer to be had.

        Args:
            study: Which.
            leader: Who must lead for it: what the claim was decided on is then still true.
        """
        with self.units.write() as unit:
            if leader is not None and not unit.leases.holds(_LEAD, leader):
                return None
            comparison = unit.comparisons.lock(study.comparison_id, wait=False)
            if comparison is None or not unit.studies.claim(study.id, at=self.clock.now()):
                return None
            with Ledger(unit, comparison.id, actor=ACTOR, clock=self.clock) as ledger:
                if comparison.state is ComparisonState.QUEUED:
                    ledger.comparison(comparison, ComparisonState.RUNNING)
                ledger.claimed(replace(study, state=StudyState.QUEUED))
            return unit.studies.get(study.id)

    def waits(self, study: StudyRecord, reason: str) -> None:
        """Say in the row why a queued study waits."""
        if study.reason != reason:
            with self.units.write() as unit:
                unit.studies.set_reason(study.id, reason)

    def falls_short(self, study: StudyRecord, reason: str) -> None:
        """Answer a study that asks for more than the cluster has, as its comparison wants it.

        A comparison of which nothing has run yet is refused: all of it is closed, with the
        sentence. Once something has run, or where the spec says so, the study waits: a machine
        that went away may come back.
        """
        with self.units.read() as unit:
            comparison = unit.comparisons.get(study.comparison_id)
        if comparison is not None and _to_be_refused(comparison):
            self._refuse(comparison.id, reason)
        else:
            self.waits(study, f"waiting for a larger machine: {reason}")

    def _refuse(self, comparison_id: str, reason: str) -> None:
        sentence = f"{reason}; with `if_short: wait` in its spec it would wait for a larger one"
        with self.units.write() as unit:
            comparison = unit.comparisons.lock(comparison_id)
            if comparison is None or not _to_be_refused(comparison):
                return
            with Ledger(unit, comparison_id, actor=ACTOR, clock=self.clock) as ledger:
                for study in unit.studies.of(comparison_id):
                    if study.state not in ENDED_STUDIES:
                        endings.cancel(unit, ledger, study, reason)
                ledger.comparison(comparison, ComparisonState.FAILED, sentence)

    def lost(self, study: StudyRecord, reason: str) -> None:
        """End an attempt whose driver is gone: finished, queued again or failed for good."""

        def close(unit: UnitOfWork, ledger: Ledger, current: StudyRecord) -> None:
            if current.state in _LIVE:
                endings.lose(unit, ledger, current, reason, limits=self.limits)

        self._close(study, close)

    def stopped(self, study: StudyRecord) -> None:
        """Close a study that was to be cancelled or paused and whose driver is gone."""

        def close(unit: UnitOfWork, ledger: Ledger, current: StudyRecord) -> None:
            if current.state is StudyState.CANCELLING:
                endings.cancel(unit, ledger, current, current.reason)
            elif current.state is StudyState.PAUSING:
                endings.hold(unit, ledger, current)

        self._close(study, close)

    def note_capacity(self, capacity: Capacity) -> None:
        """Store what the cluster has, for people to see."""
        with self.units.write() as unit:
            unit.cluster.put(capacity)

    def _close(
        self, study: StudyRecord, close: Callable[[UnitOfWork, Ledger, StudyRecord], None]
    ) -> None:
        """Close a study under its comparison's lock, unless another attempt has begun."""
        with self.units.write() as unit:
            unit.comparisons.lock(study.comparison_id)
            current = unit.studies.get(study.id)
            if current is not None and current.attempt == study.attempt:
                with Ledger(unit, study.comparison_id, actor=ACTOR, clock=self.clock) as ledger:
                    close(unit, ledger, current)


def _to_be_refused(comparison: ComparisonRecord) -> bool:
    return comparison.state is ComparisonState.QUEUED and comparison.spec.if_short is IfShort.REFUSE
