"""Reads a comparison's results, as selection and scoring ask for them."""

from service.contracts.states import ComparisonState, StudyKind
from service.domain.ports import UnitOfWork
from service.domain.records import ComparisonRecord, TrialRecord
from service.domain.results import ComparisonResults, TrialResult

_STOPPED = {ComparisonState.CANCELLED: "was cancelled", ComparisonState.FAILED: "failed"}


def read_results(
    unit: UnitOfWork,
    comparison: ComparisonRecord,
    *,
    complete: bool,
    kind: StudyKind | None = None,
) -> ComparisonResults:
    """The trials of a comparison with their curves.

    Args:
        unit: Where to read.
        comparison: Whose trials.
        complete: Whether nothing more will come.
        kind: Tuning or finals alone.
    """
    trials = unit.trials.of(comparison.id, kind=kind)
    points = unit.points.of([trial.key for trial in trials])

    def result(trial: TrialRecord) -> TrialResult:
        return TrialResult(
            number=trial.number,
            kind=trial.kind,
            problem=trial.problem,
            contender=trial.contender,
            point=trial.point,
            seed=trial.seed,
            state=trial.state,
            failure=trial.failure,
            points=points[trial.key],
            worker_seconds=trial.worker_seconds or 0.0,
            environment=trial.environment,
            usage=trial.usage,
        )

    return ComparisonResults(
        comparison_id=comparison.id,
        spec=comparison.spec,
        trials=tuple(result(trial) for trial in trials),
        complete=complete,
        cancelled=comparison.cancelled,
        capsule=unit.capsules.get(comparison.id),
        extensions=comparison.extensions,
        stopped=_STOPPED.get(comparison.state, ""),
        decided_before=unit.reports.get(comparison.id) is not None,
    )
