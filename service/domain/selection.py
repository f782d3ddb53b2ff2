"""The choice of each contender's point after the search, by one loss that is never a test loss."""

from collections.abc import Sequence

from service.contracts.catalogue import Catalogue
from service.contracts.metrics import Metric
from service.contracts.plan import Point
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult


def deciding_metric(spec: ComparisonSpec, problem: str, catalogue: Catalogue) -> Metric:
    """The one loss by which points are chosen on a problem, and by which runs are judged there.

    The spec's, or else the problem's own; training loss where the catalogue has lost the problem.
    """
    entry = catalogue.problem(problem)
    own = entry.selection_metric if entry is not None else Metric.TRAIN_LOSS
    return Metric(spec.tuning.metric or own)


def choose(trials: Sequence[TrialResult], metric: Metric) -> Point | None:
    """The point of the trial with the lowest loss at its last epoch.

    Only trials that finished can be chosen: a diverged or failed one counts as worse than any
    loss. Among equal losses the trial with the lower number is taken.

    Returns:
        The chosen point, or None where no trial finished.
    """
    ranked = [
        (loss, trial.number, trial)
        for trial in trials
        if (loss := _final_loss(trial, metric)) is not None
    ]
    return min(ranked, key=lambda entry: entry[:2])[2].point if ranked else None


def select(results: ComparisonResults, problem: str, catalogue: Catalogue) -> dict[str, Point]:
    """Each contender's chosen point on one problem, in the order of the spec.

    A contender of which no trial of the search finished is left out.
    """
    metric = deciding_metric(results.spec, problem, catalogue)
    chosen: dict[str, Point] = {}
    for contender in results.spec.contenders:
        point = choose(
            [
                trial
                for trial in results.trials
                if trial.kind is StudyKind.TUNING
                and trial.problem == problem
                and trial.contender == contender.label
            ],
            metric,
        )
        if point is not None:
            chosen[contender.label] = point
    return chosen


def _final_loss(trial: TrialResult, metric: Metric) -> float | None:
    if trial.state is not TrialState.FINISHED or not trial.points:
        return None
    return max(trial.points, key=lambda point: point.epoch).value(metric)
