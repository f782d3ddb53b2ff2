"""How a comparison gets longer in its rows: more points, more epochs, more seeds, contenders.

The searches grow at once. Finals follow once every search has ended, for a longer search may
choose another point (:mod:`service.usecases.progress`).
"""

from dataclasses import replace

from service.contracts.catalogue import Catalogue
from service.contracts.extension import Extended, Extension
from service.contracts.plan import PlannedStudy
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, StudyKind, StudyState, TrialState
from service.domain import draws
from service.domain.errors import TransitionRefused
from service.domain.extending import More, difference, extended, more_of_search
from service.domain.planning import plan
from service.domain.ports import Clock, UnitOfWork
from service.domain.records import ComparisonRecord, StudyRecord
from service.usecases import endings
from service.usecases.ledger import Ledger
from service.usecases.queueing import new_trials, queue_study

_EXTENSIBLE = (ComparisonState.QUEUED, ComparisonState.RUNNING, ComparisonState.FINISHED)
_LIVE = (StudyState.SUBMITTED, StudyState.RUNNING, StudyState.CANCELLING)
_TO_COME = (StudyState.QUEUED, StudyState.PAUSING)
"""A driver that knows the longer study will follow, or none at all."""


def extend(
    unit: UnitOfWork,
    ledger: Ledger,
    comparison: ComparisonRecord,
    extension: Extension,
    *,
    catalogue: Catalogue,
    actor: str,
    clock: Clock,
) -> None:
    """Give a comparison that waits, runs or has finished what the extension asks for.

    Raises:
        TransitionRefused: Where it is paused, cancelled or failed, or runs a capsule again.
        InvalidSpec: Where a comparison cannot have that.
    """
    if comparison.state not in _EXTENSIBLE:
        raise TransitionRefused(
            f"comparison {comparison.id} is {comparison.state}; one that is queued, running or "
            "finished can be extended"
        )
    if capsule := unit.capsules.get(comparison.id):
        raise TransitionRefused(
            f"comparison {comparison.id} runs {capsule.named} again: what it runs is fixed; "
            "extend a clone of it"
        )
    spec = extended(comparison.spec, extension, catalogue)
    changed = difference(comparison.spec, spec)
    if not changed:
        return
    mark = Extended(at=clock.now(), by=actor, changed=changed)
    longer = _longer(unit, comparison, spec, mark)
    unit.comparisons.set_plan(longer)
    ledger.remark(comparison, f"extended by {actor}: {changed}")
    _extend_searches(unit, ledger, longer, catalogue=catalogue, clock=clock)
    if comparison.state is ComparisonState.FINISHED:
        unit.comparisons.set_verdict(comparison.id, None)
        ledger.comparison(comparison, ComparisonState.RUNNING)


def _longer(
    unit: UnitOfWork, comparison: ComparisonRecord, spec: ComparisonSpec, mark: Extended
) -> ComparisonRecord:
    """The comparison as it is once it is extended, with a note of what there was before."""
    numbers = [trial.number for trial in unit.trials.of(comparison.id)]
    before = unit.reports.get(comparison.id)
    targets = {one.problem: one.target.value for one in before.problems} if before else {}
    noted = mark.model_copy(update={"trials": 1 + max(numbers), "targets": targets})
    return replace(
        comparison,
        spec=spec,
        seeds=draws.seeds(spec.seed, spec.seeds, repeats=spec.tuning.repeats),
        extensions=(*comparison.extensions, noted),
    )


def extend_study(
    unit: UnitOfWork,
    ledger: Ledger,
    comparison: ComparisonRecord,
    study: StudyRecord,
    more: More,
    *,
    catalogue: Catalogue,
) -> None:
    """Add to a study what it has to do more, and queue it.

    A driver that runs it knows less: it is stopped, and the next one goes on from the checkpoints.
    """
    if more.added:
        planned = PlannedStudy(
            number=study.number,
            kind=study.kind,
            problem=study.problem,
            contender=study.contender,
            trials=more.added,
        )
        unit.trials.add(study, new_trials(comparison, planned, catalogue))
        unit.studies.grow(study.id, len(more.added))
    ledger.trials(more.longer, TrialState.QUEUED)
    if study.state in _TO_COME:
        return
    after = StudyState.PAUSING if study.state in _LIVE else StudyState.QUEUED
    ledger.study(study, after, "it was extended")
    reached = endings.how_far(unit.trials.of(comparison.id, study_id=study.id))
    fruitless = 0 if more.added or reached > study.reached else study.fruitless + 1
    unit.studies.set_fruitless(study.id, fruitless, reached=reached)


def _extend_searches(
    unit: UnitOfWork,
    ledger: Ledger,
    comparison: ComparisonRecord,
    *,
    catalogue: Catalogue,
    clock: Clock,
) -> None:
    """Bring every search to the planned length, and begin those of new contenders.

    Cancelled contenders are passed over. What is new has numbers after all that there is.
    """
    trials, studies = unit.trials.of(comparison.id), unit.studies.of(comparison.id)
    number = 1 + max(trial.number for trial in trials)
    study_number = 1 + max(study.number for study in studies)
    searches = {
        (study.problem, study.contender): study
        for study in studies
        if study.kind is StudyKind.TUNING
    }
    for planned in plan(comparison.spec, catalogue).studies:
        if planned.contender in comparison.cancelled:
            continue
        study = searches.get((planned.problem, planned.contender))
        own = [] if study is None else [one for one in trials if one.study_id == study.id]
        epochs = comparison.spec.budget.epochs
        more = more_of_search(planned, own, epochs=epochs, first_number=number)
        number += len(more.added)
        if study is None:
            new = planned.model_copy(update={"number": study_number, "trials": more.added})
            study_number += 1
            queue_study(unit, ledger, comparison, new, catalogue=catalogue, clock=clock)
        elif more:
            extend_study(unit, ledger, comparison, study, more, catalogue=catalogue)
