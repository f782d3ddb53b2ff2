"""The choice of each contender's point after the search, by one loss that is never a test loss."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.contracts.catalogue import Catalogue
from service.contracts.metrics import Metric
from service.contracts.plan import Point
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.domain.results import ComparisonResults, TrialResult, counts


def deciding_metric(spec: ComparisonSpec, problem: str, catalogue: Catalogue) -> Metric:
    """The one loss by which points are chosen on a problem, and by which runs are judged there.

    The spec's, or else the problem's own; training loss where the catalogue has lost the problem.
    """
    entry = catalogue.problem(problem)
    own = entry.selection_metric if entry is not None else Metric.TRAIN_LOSS
    return Metric(spec.tuning.metric or own)


@dataclass(frozen=True, slots=True)
class TriedPoint:
    """A point of a search with what its runs came to."""

    point: Point
    loss: float
    """The deciding loss at the last epoch, the median over its seeds; infinite where half or more
    of its runs diverged or failed through their settings."""
    stopped: bool
    """Whether the search stopped a run of it early: then the loss is what had been reached."""


def tried_points(trials: Sequence[TrialResult], metric: Metric) -> tuple[TriedPoint, ...]:
    """The points of one search of which something is known, in the order of their numbers.

    A run that diverged or failed through its settings counts as worse than any loss; one that a
    lost worker, a bug or a person ended says nothing of its point and is left out.
    """
    runs: dict[str, list[TrialResult]] = {}
    for trial in sorted(filter(counts, trials), key=lambda trial: trial.number):
        runs.setdefault(json.dumps(trial.point, sort_keys=True), []).append(trial)
    return tuple(
        TriedPoint(
            point=tried[0].point,
            loss=statistics.median(_ranked(run, metric) for run in tried),
            stopped=any(run.state is TrialState.STOPPED for run in tried),
        )
        for tried in runs.values()
    )


def choose(trials: Sequence[TrialResult], metric: Metric) -> Point | None:
    """The point with the lowest loss at the last epoch, in the median over its seeds.

    A run that its search stopped early counts with the loss that it had reached, so it is chosen
    only where no longer one did better. Among equal losses the first point is taken.

    Returns:
        The chosen point, or None where none has a finite loss.
    """
    finite = [tried for tried in tried_points(trials, metric) if math.isfinite(tried.loss)]
    return min(finite, key=lambda tried: tried.loss).point if finite else None


def select(results: ComparisonResults, problem: str, catalogue: Catalogue) -> dict[str, Point]:
    """Each contender's chosen point on one problem, in the order of the spec.

    A contender of which no trial of the search finished is left out, and a cancelled one. A rerun
    chooses nothing: its finals are at the points of its capsule.
    """
    if results.capsule is not None:
        return _as_before(results, results.capsule.chosen(problem))
    return choices(results, problem, catalogue)


def choices(results: ComparisonResults, problem: str, catalogue: Catalogue) -> dict[str, Point]:
    """What each contender's search on a problem chooses, in a rerun too."""
    metric = deciding_metric(results.spec, problem, catalogue)
    chosen: dict[str, Point] = {}
    for contender in results.spec.contenders:
        if contender.label in results.cancelled:
            continue
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


def _as_before(results: ComparisonResults, chosen: Mapping[str, Point]) -> dict[str, Point]:
    labels = [contender.label for contender in results.spec.contenders]
    return {name: chosen[name] for name in labels if name in chosen.keys() - results.cancelled}


def current(results: ComparisonResults, catalogue: Catalogue) -> ComparisonResults:
    """The results without finals at a point that was chosen once and is no longer.

    An extended search may choose another point; until it has chosen, the finals stand as they are.
    """
    chosen = {name: select(results, name, catalogue) for name in results.spec.problems}
    kept = tuple(
        trial
        for trial in results.trials
        if trial.kind is not StudyKind.FINALS
        or chosen[trial.problem].get(trial.contender, trial.point) == trial.point
    )
    return replace(results, trials=kept)


def final_loss(trial: TrialResult, metric: Metric) -> float | None:
    """The loss at the last epoch; None where the run diverged or failed, or measured nothing."""
    if not trial.measured or not trial.points:
        return None
    return max(trial.points, key=lambda point: point.epoch).value(metric)


def _ranked(trial: TrialResult, metric: Metric) -> float:
    """The final loss as it can be compared: the worst where there is none."""
    loss = final_loss(trial, metric)
    return math.inf if loss is None else loss
