"""Moves a comparison on: tuning ended, finals queued, report stored, finished.

Called after every batch that ends a study, and by the dispatcher on each tick. What is to be
done is decided on a snapshot, outside of any write; the write is dropped where anything has
changed since, so that two callers at once do it once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from service.contracts.catalogue import Catalogue
from service.contracts.plan import PlannedStudy
from service.contracts.report import Report
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ComparisonState,
    StudyKind,
    StudyState,
    TrialState,
)
from service.domain.extending import More, more_of_finals
from service.domain.planning import plan, plan_finals
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import ComparisonRecord, StudyRecord, TrialRecord
from service.domain.results import ComparisonResults
from service.domain.selection import select
from service.usecases.capsules import capsule_at_its_end
from service.usecases.extending import extend_study
from service.usecases.ledger import Ledger
from service.usecases.queueing import queue_study
from service.usecases.results import read_results
from service.usecases.steering import wake

ACTOR = "service"
_ALL_PAUSED = "all that is left to run is paused"
"""The reason of a comparison that the service paused, not a person."""
_AT_REST = ENDED_STUDIES | {StudyState.PAUSED}

_MOST_FRUITLESS = 3
"""So often finals may end with runs that are too short and have got no longer."""

Scoring = Callable[[ComparisonResults, Catalogue, datetime], Report]
"""Makes the report of a comparison."""


@dataclass(frozen=True, slots=True)
class QueueFinals:
    """The search on some problems is over: their finals can be queued."""

    studies: tuple[PlannedStudy, ...]


@dataclass(frozen=True, slots=True)
class ExtendFinals:
    """Everything has ended, but the comparison was extended: finals have more to do."""

    studies: tuple[tuple[StudyRecord, More], ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """Everything has ended, and there is something to report."""

    report: Report
    capsule: str | None
    """As JSON; None where a plug-in is gone, so that it cannot be made."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Everything has ended, and there is nothing to report."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rest:
    """Everything that has not ended is paused."""


@dataclass(frozen=True, slots=True)
class Wake:
    """What rested was cancelled, so that something can follow."""


@dataclass(frozen=True, slots=True)
class CloseCancelled:
    """The last study of a comparison that is being cancelled has ended."""


Step = QueueFinals | ExtendFinals | Finish | Fail | Rest | Wake | CloseCancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """Advances comparisons."""

    units: Units
    catalogue: Catalogue
    clock: Clock
    scoring: Scoring

    def advance(self, comparison_id: str) -> bool:
        """Do the next step of a comparison, if there is one to do.

        Returns:
            Whether something was done; then there may be more.
        """
        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None or comparison.state in ENDED_COMPARISONS:
                return False
            step = self._decide(unit, comparison)
        if step is None:
            return False
        with self.units.write() as unit:
            current = unit.comparisons.lock(comparison_id)
            if current is None or current.last_change != comparison.last_change:
                return False
            with Ledger(unit, comparison_id, actor=ACTOR, clock=self.clock) as ledger:
                self._do(step, unit, ledger, current)
        return True

    def give_up(self, comparison_id: str, reason: str) -> None:
        """Close a comparison that cannot be moved on, all of whose studies have ended."""
        with self.units.write() as unit:
            comparison = unit.comparisons.lock(comparison_id)
            studies = unit.studies.of(comparison_id)
            ended = all(study.state in ENDED_STUDIES for study in studies)
            if comparison is None or comparison.state in ENDED_COMPARISONS or not ended:
                return
            with Ledger(unit, comparison_id, actor=ACTOR, clock=self.clock) as ledger:
                ledger.comparison(comparison, ComparisonState.FAILED, reason)

    def _decide(self, unit: UnitOfWork, comparison: ComparisonRecord) -> Step | None:
        studies = unit.studies.of(comparison.id)
        all_ended = all(study.state in ENDED_STUDIES for study in studies)
        if comparison.state is ComparisonState.CANCELLING:
            return CloseCancelled() if all_ended else None
        if comparison.state is ComparisonState.PAUSED and comparison.reason != _ALL_PAUSED:
            return None
        finals = self._finals(unit, comparison, studies)
        if comparison.state is ComparisonState.PAUSED:
            return Wake() if finals or all_ended else None
        if finals:
            return QueueFinals(finals)
        if not all_ended:
            resting = all(study.state in _AT_REST for study in studies)
            return Rest() if resting else None
        if more := self._more_finals(unit, comparison, studies):
            return ExtendFinals(more)
        return self._ending(unit, comparison, studies)

    def _finals(
        self, unit: UnitOfWork, comparison: ComparisonRecord, studies: tuple[StudyRecord, ...]
    ) -> tuple[PlannedStudy, ...]:
        """The finals of every problem whose search has just ended with something chosen.

        Their numbers follow from the plan alone, whichever problem is ready first.
        """
        ready = [
            problem
            for problem in comparison.spec.problems
            if _search_ended(studies, problem) and not _has_finals(studies, problem)
        ]
        if not ready:
            return ()
        spec = comparison.spec
        results = read_results(unit, comparison, complete=False, kind=StudyKind.TUNING)
        searched = plan(spec, self.catalogue).studies
        first_trial = sum(len(study.trials) for study in searched)
        trials_each = len(spec.contenders) * spec.seeds
        planned: list[PlannedStudy] = []
        taken = {trial.number for trial in unit.trials.of(comparison.id)}
        numbers = {study.number for study in studies}
        for problem in ready:
            chosen = select(results, problem, self.catalogue)
            if chosen:
                index = spec.problems.index(problem)
                first = first_trial + index * trials_each
                if taken.intersection(range(first, first + trials_each)):
                    first = max(taken) + 1  # an extension came between
                number = len(searched) + index
                number = max(numbers) + 1 if number in numbers else number
                finals = plan_finals(
                    spec,
                    problem,
                    chosen,
                    comparison.seeds,
                    study_number=number,
                    first_trial_number=first,
                    capsule=results.capsule,
                )
                planned.append(finals)
                taken.update(trial.number for trial in finals.trials)
                numbers.add(number)
        return tuple(planned)

    def _more_finals(
        self, unit: UnitOfWork, comparison: ComparisonRecord, studies: tuple[StudyRecord, ...]
    ) -> tuple[tuple[StudyRecord, More], ...]:
        """What the finals lack of every chosen point on every seed for every epoch.

        Without an extension that is nothing, where the drivers told the truth.
        """
        results = read_results(unit, comparison, complete=False, kind=StudyKind.TUNING)
        trials = unit.trials.of(comparison.id)
        number = 1 + max(trial.number for trial in trials)
        found: list[tuple[StudyRecord, More]] = []
        for study in studies:
            if study.kind is not StudyKind.FINALS:
                continue
            planned = plan_finals(
                comparison.spec,
                study.problem,
                select(results, study.problem, self.catalogue),
                comparison.seeds,
                study_number=study.number,
                first_trial_number=0,
                capsule=results.capsule,
            )
            own = [trial for trial in trials if trial.study_id == study.id]
            epochs = comparison.spec.budget.epochs
            more = more_of_finals(planned, own, epochs=epochs, first_number=number)
            if more and not _is_futile(study, more):
                found.append((study, more))
                number += len(more.added)
        return tuple(found)

    def _ending(
        self, unit: UnitOfWork, comparison: ComparisonRecord, studies: tuple[StudyRecord, ...]
    ) -> Step:
        results = read_results(unit, comparison, complete=True)
        done = (TrialState.FINISHED, TrialState.DIVERGED)
        if any(trial.kind is StudyKind.FINALS and trial.state in done for trial in results.trials):
            now = self.clock.now()
            report = self.scoring(results, self.catalogue, now)
            seeds = comparison.seeds
            return Finish(report, capsule_at_its_end(results, seeds, self.catalogue, at=now))
        return Fail(_why(studies, unit.trials.of(comparison.id)))

    def _do(
        self, step: Step, unit: UnitOfWork, ledger: Ledger, comparison: ComparisonRecord
    ) -> None:
        match step:
            case QueueFinals(studies=studies):
                for planned in studies:
                    queue_study(
                        unit,
                        ledger,
                        comparison,
                        planned,
                        catalogue=self.catalogue,
                        clock=self.clock,
                    )
            case ExtendFinals(studies=studies):
                for study, more in studies:
                    extend_study(unit, ledger, comparison, study, more, catalogue=self.catalogue)
            case Finish(report=report, capsule=capsule):
                unit.reports.put(report)
                unit.capsules.keep(comparison.id, capsule)
                verdict = " ".join(problem.sentence for problem in report.problems)
                unit.comparisons.set_verdict(comparison.id, verdict)
                ledger.comparison(comparison, ComparisonState.FINISHED)
            case Fail(reason=reason):
                ledger.comparison(comparison, ComparisonState.FAILED, reason)
            case Rest():
                ledger.comparison(comparison, ComparisonState.PAUSED, _ALL_PAUSED)
            case Wake():
                wake(ledger, comparison)
            case CloseCancelled():
                ledger.comparison(comparison, ComparisonState.CANCELLED, comparison.reason)
            case _:
                assert_never(step)


def _search_ended(studies: tuple[StudyRecord, ...], problem: str) -> bool:
    return all(
        study.state in ENDED_STUDIES
        for study in studies
        if study.problem == problem and study.kind is StudyKind.TUNING
    )


def _has_finals(studies: tuple[StudyRecord, ...], problem: str) -> bool:
    return any(study.problem == problem and study.kind is StudyKind.FINALS for study in studies)


def _why(studies: tuple[StudyRecord, ...], trials: tuple[TrialRecord, ...]) -> str:
    """The first reason that a study or a trial gives, in a sentence about the whole."""
    reasons = [study.reason for study in studies if study.state is StudyState.FAILED]
    for state in (TrialState.FAILED, TrialState.CANCELLED):
        reasons += [trial.message for trial in trials if trial.state is state]
    first = next(filter(None, reasons), "every trial of the search diverged")
    in_finals = any(study.kind is StudyKind.FINALS for study in studies)
    where = "no run of the finals ended well" if in_finals else "no trial of the search ended well"
    return f"{where}: {first}"


def _is_futile(study: StudyRecord, more: More) -> bool:
    """Whether attempt after attempt calls runs finished that are too short and get no longer."""
    return not more.added and study.fruitless >= _MOST_FRUITLESS
