"""The driver's side: what it is assigned, what it reports, its signs of life."""

from dataclasses import dataclass, replace

from service.contracts.catalogue import Catalogue
from service.contracts.events import (
    EventBatch,
    EventReceipt,
    Heartbeat,
    HeartbeatReply,
    StudyEnded,
)
from service.contracts.plan import PlannedStudy, PlannedTrial, StudyAssignment
from service.contracts.space import Space
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_TRIALS, StudyKind, StudyState, TrialState
from service.domain.errors import Forbidden, StaleAttempt
from service.domain.planning import study_assignment
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import ComparisonRecord, StudyRecord
from service.domain.results import TrialResult, trials_of
from service.domain.searching import informed, learns, searched_space
from service.domain.selection import deciding_metric
from service.domain.tokens import StudyClaim, verify
from service.usecases.endings import AttemptLimits
from service.usecases.ingest import Ingest
from service.usecases.ledger import Ledger
from service.usecases.progress import Progress
from service.usecases.results import read_results

ACTOR = "driver"
_TAKEN = (StudyState.SUBMITTED, StudyState.RUNNING)
_NOT_TO_RUN = ENDED_TRIALS | {TrialState.PAUSED}


@dataclass(frozen=True, slots=True)
class Studies:
    """What drivers may ask and tell."""

    units: Units
    catalogue: Catalogue
    clock: Clock
    progress: Progress
    limits: AttemptLimits
    secret: bytes

    def authorize(self, study_id: str, token: str) -> StudyClaim:
        """What the token allows.

        Raises:
            Unauthenticated: Where the token is not good.
            Forbidden: Where it is another study's.
        """
        claim = verify(self.secret, token, now=self.clock.now())
        if claim.study_id != study_id:
            raise Forbidden(f"this token is not for study {study_id}")
        return claim

    def assignment(self, study_id: str, *, attempt: int) -> StudyAssignment:
        """The study's trials that have not ended and are not paused, for the current attempt.

        Raises:
            StaleAttempt: Where the attempt is not the current one.
            InvalidSpec: Where the catalogue no longer has what the comparison names.
        """
        with self.units.read() as unit:
            study = _found(unit, study_id)
            if study.attempt != attempt or study.state not in _TAKEN:
                raise _stale(study, attempt)
            comparison = unit.comparisons.get(study.comparison_id)
            assert comparison is not None, "a foreign key holds it"
            trials = unit.trials.of(study.comparison_id, study_id=study_id)
            tried = _tried(unit, comparison, study)
            capsule = unit.capsules.get(comparison.id)
        planned = PlannedStudy(
            number=study.number,
            kind=study.kind,
            problem=study.problem,
            contender=study.contender,
            trials=tuple(
                PlannedTrial(
                    number=trial.number,
                    contender=trial.contender,
                    point=trial.point,
                    seed=trial.seed,
                )
                for trial in trials
            ),
        )
        assignment = study_assignment(
            comparison.spec,
            self.catalogue,
            planned,
            comparison_id=comparison.id,
            attempt=attempt,
            ended={trial.number for trial in trials if trial.state in _NOT_TO_RUN},
        )
        return informed(
            assignment,
            planned,
            spec=comparison.spec,
            catalogue=self.catalogue,
            tried=tried,
            capsule=capsule,
        )

    def record(self, study_id: str, batch: EventBatch) -> EventReceipt:
        """Take a batch of events; what was taken before changes nothing.

        Raises:
            NotFound: Where the study has no such trial.
            StaleAttempt: Where the attempt is not the current one, or the study not live or gone.
            TransitionRefused: Where the table of states does not allow what an event says.
        """
        ends = any(isinstance(event, StudyEnded) for event in batch.events)
        with self.units.write() as unit:
            comparison, study = _locked(unit, study_id)
            if not (ends and _repeats_end(study, batch.attempt)):
                if study.attempt != batch.attempt or study.state not in _TAKEN:
                    raise _stale(study, batch.attempt)
                with Ledger(unit, comparison.id, actor=ACTOR, clock=self.clock) as ledger:
                    study = self._heard(unit, ledger, study)
                    metric = deciding_metric(comparison.spec, study.problem, self.catalogue)
                    space = self._open_space(comparison.spec, study)
                    Ingest(unit, ledger, study, metric, self.limits, space).take(batch)
        if ends:
            self.progress.advance(study.comparison_id)
        return EventReceipt(accepted=len(batch.events))

    def heartbeat(self, study_id: str, beat: Heartbeat) -> HeartbeatReply:
        """Note that the driver lives; the reply names the trials that it must not run.

        Raises:
            StaleAttempt: Where the attempt is not the current one, or the study not live.
        """
        with self.units.write() as unit:
            if beat.start is not None:
                unit.studies.set_start(study_id, beat.attempt, beat.start)
            if unit.studies.beat(study_id, beat.attempt, at=self.clock.now()):
                return _orders(unit, study_id)
            comparison, study = _locked(unit, study_id)
            if _repeats_end(study, beat.attempt):
                return HeartbeatReply()
            if study.attempt != beat.attempt or study.state not in _TAKEN:
                raise _stale(study, beat.attempt)
            with Ledger(unit, comparison.id, actor=ACTOR, clock=self.clock) as ledger:
                self._heard(unit, ledger, study)
            return _orders(unit, study_id)

    def _open_space(self, spec: ComparisonSpec, study: StudyRecord) -> Space:
        """Where the study's driver may propose points; empty where they were drawn beforehand."""
        if not learns(spec, study.kind):
            return {}
        return searched_space(spec, self.catalogue, study.contender)

    def _heard(self, unit: UnitOfWork, ledger: Ledger, study: StudyRecord) -> StudyRecord:
        """Note a sign of life; the first one of an attempt means that it runs."""
        if study.state is StudyState.SUBMITTED:
            ledger.study(study, StudyState.RUNNING)
        unit.studies.beat(study.id, study.attempt, at=self.clock.now())
        return replace(study, state=StudyState.RUNNING)


def _orders(unit: UnitOfWork, study_id: str) -> HeartbeatReply:
    """What the driver of a study is to stop; told with every heartbeat, as words get lost."""
    return HeartbeatReply(
        cancel=unit.trials.in_state(study_id, TrialState.CANCELLED),
        pause=unit.trials.in_state(study_id, TrialState.PAUSED),
    )


def _tried(
    unit: UnitOfWork, comparison: ComparisonRecord, study: StudyRecord
) -> tuple[TrialResult, ...]:
    """What the trials of a search measured; nothing of finals, which do not depend on it."""
    if study.kind is not StudyKind.TUNING:
        return ()
    results = read_results(unit, comparison, complete=False, kind=study.kind)
    return trials_of(results, study.problem, study.kind, study.contender)


def _found(unit: UnitOfWork, study_id: str) -> StudyRecord:
    study = unit.studies.get(study_id)
    if study is None:
        raise _gone(study_id)
    return study


def _locked(unit: UnitOfWork, study_id: str) -> tuple[ComparisonRecord, StudyRecord]:
    """The study as it is while its comparison is held."""
    comparison = unit.comparisons.lock(_found(unit, study_id).comparison_id)
    if comparison is None:
        raise _gone(study_id)
    return comparison, _found(unit, study_id)


def _gone(study_id: str) -> StaleAttempt:
    """For who speaks for a study that is not there: its token was signed when it was."""
    return StaleAttempt(f"there is no study {study_id} any more: its comparison was deleted")


def _repeats_end(study: StudyRecord, attempt: int) -> bool:
    """Whether a driver that has ended its study well still speaks, having missed the answer."""
    return study.attempt == attempt and study.state is StudyState.FINISHED


def _stale(study: StudyRecord, attempt: int) -> StaleAttempt:
    return StaleAttempt(
        f"attempt {attempt} of study {study.id} is over: the study is {study.state}, "
        f"its attempt {study.attempt}"
    )
