"""A plan and its events, put together to the results that scoring reads."""

from collections.abc import Iterable
from dataclasses import replace

from service.contracts.catalogue import Catalogue
from service.contracts.events import (
    Environment,
    Event,
    MetricPoint,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialProposed,
    TrialStarted,
)
from service.contracts.plan import Plan, PlannedStudy, PlannedTrial
from service.contracts.states import ENDED_TRIALS, StudyKind, TrialState
from service.domain import ids
from service.domain.results import ComparisonResults, TrialResult
from service.domain.selection import select

TrialEvent = TrialProposed | TrialStarted | TrialPoint | TrialEnded
"""What is told of one trial."""


def replay(
    plan: Plan, events: Iterable[Event], catalogue: Catalogue, *, comparison_id: str
) -> ComparisonResults:
    """What became of every planned trial.

    An epoch that was told again replaces what was told before; a trial that went on from a
    checkpoint forgets the epochs after it.

    Args:
        plan: The plan, with its finals where they were planned.
        events: What the workers told, in order.
        catalogue: Where each problem's deciding loss is found.
        comparison_id: The comparison whose trials the events name.

    Returns:
        The results; complete where every search ended and the finals of every chosen point too.
    """
    told: dict[str, list[TrialEvent]] = {}
    for event in events:
        if not isinstance(event, StudyEnded):
            told.setdefault(event.trial_id, []).append(event)
    trials = tuple(
        _replayed(study, trial, told.get(ids.trial_id(comparison_id, trial.number), ()))
        for study in plan.studies
        for trial in study.trials
    )
    results = ComparisonResults(
        comparison_id=comparison_id,
        spec=plan.spec,
        trials=trials,
        complete=False,
        cancelled=plan.capsule.cancelled if plan.capsule else (),
        capsule=plan.capsule,
    )
    complete = all(trial.state in ENDED_TRIALS for trial in trials) and all(
        _finals_planned(plan, problem) or not select(results, problem, catalogue)
        for problem in plan.spec.problems
    )
    return replace(results, complete=complete)


def _replayed(
    study: PlannedStudy,
    trial: PlannedTrial,
    events: Iterable[TrialEvent],
) -> TrialResult:
    points: dict[int, MetricPoint] = {}
    environment: Environment | None = None
    end: TrialEnded | None = None
    state, proposed = TrialState.QUEUED, trial.point
    for event in events:
        match event:
            case TrialProposed():
                proposed = event.point
            case TrialStarted():
                environment, end, state = event.environment, None, TrialState.RUNNING
                kept = event.resumed_from_epoch
                points = {epoch: points[epoch] for epoch in points if epoch <= kept}
            case TrialPoint():
                points[event.point.epoch] = event.point
            case TrialEnded():
                end, state = event, TrialState(event.outcome)
    return TrialResult(
        number=trial.number,
        kind=study.kind,
        problem=study.problem,
        contender=trial.contender,
        point=proposed,
        seed=trial.seed,
        state=state,
        failure=end.failure if end else None,
        points=tuple(points[epoch] for epoch in sorted(points)),
        worker_seconds=end.worker_seconds if end else 0.0,
        environment=environment,
        usage=end.usage if end else None,
    )


def _finals_planned(plan: Plan, problem: str) -> bool:
    return any(
        study.kind is StudyKind.FINALS and study.problem == problem for study in plan.studies
    )
