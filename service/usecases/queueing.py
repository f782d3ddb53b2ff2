"""Writes planned studies and their trials as queued rows."""

from service.contracts.catalogue import Catalogue
from service.contracts.plan import PlannedStudy
from service.contracts.states import StudyState
from service.contracts.workers import fewest, most
from service.domain import ids
from service.domain.planning import study_assignment
from service.domain.ports import Clock, UnitOfWork
from service.domain.records import ComparisonRecord, NewTrial, StudyRecord
from service.usecases.ledger import Ledger


def queue_study(
    unit: UnitOfWork,
    ledger: Ledger,
    comparison: ComparisonRecord,
    planned: PlannedStudy,
    *,
    catalogue: Catalogue,
    clock: Clock,
) -> None:
    """Store a planned study with its trials; the dispatcher finds it there."""
    resources = comparison.spec.resources
    study = StudyRecord(
        id=ids.study_id(comparison.id, planned.number),
        comparison_id=comparison.id,
        number=planned.number,
        kind=planned.kind,
        problem=planned.problem,
        contender=planned.contender,
        state=StudyState.QUEUED,
        reason="",
        attempt=0,
        fruitless=0,
        excused=0,
        reached=0,
        trials=len(planned.trials),
        cpus=resources.cpus,
        gpus=resources.gpus,
        fewest_workers=fewest(comparison.spec.workers),
        most_workers=most(comparison.spec.workers),
        created_at=clock.now(),
        submitted_at=None,
        last_heartbeat=None,
        started_at=None,
        ended_at=None,
        memory=resources.memory or 0,
    )
    unit.studies.add(study)
    unit.trials.add(study, new_trials(comparison, planned, catalogue))
    ledger.created("study", study.id, study.state)


def new_trials(
    comparison: ComparisonRecord, planned: PlannedStudy, catalogue: Catalogue
) -> list[NewTrial]:
    """The trials with every setting spelled out, as the driver will be told them."""
    assignment = study_assignment(
        comparison.spec, catalogue, planned, comparison_id=comparison.id, attempt=1, ended=()
    )
    return [
        NewTrial(
            id=assigned.trial_id,
            number=trial.number,
            contender=assigned.contender,
            optimizer=assigned.optimizer,
            point=trial.point,
            settings=assigned.settings,
            seed=assigned.seed,
        )
        for trial, assigned in zip(planned.trials, assignment.trials, strict=True)
    ]
