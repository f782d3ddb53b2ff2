"""One contender's part of the report: its search, its finals, its figures."""

import math
from collections.abc import Iterator, Sequence

from service.contracts.catalogue import Catalogue
from service.contracts.catalogue.contenders import searched
from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.plan import Point
from service.contracts.report import (
    NOT_MEASURED,
    ContenderReport,
    Interval,
    TimeTo,
    TuningCost,
)
from service.contracts.space import Dimension, Space, Values, is_number
from service.contracts.spec import ComparisonSpec, ContenderSpec, Outcome
from service.contracts.states import TrialState
from service.domain.results import TrialResult
from service.domain.scoring.costs import run_cost
from service.domain.scoring.intervals import median_interval
from service.domain.scoring.runs import Run, counted_runs
from service.domain.scoring.sensitivity import sensitivity
from service.domain.selection import tried_points

EDGE = 0.05
"""A chosen value this share of the scale from a bound, or nearer, lies at that bound."""


def contender_report(
    contender: ContenderSpec,
    catalogue: Catalogue,
    *,
    chosen: Point | None,
    tuning: Sequence[TrialResult],
    finals: Sequence[TrialResult],
    metric: Metric,
    target: float | None,
    spec: ComparisonSpec,
) -> ContenderReport:
    """The figures of one contender on one problem.

    Args:
        contender: The contender as the spec has it.
        catalogue: Where its default space is found.
        chosen: The point that the search chose.
        tuning: The trials of its search.
        finals: Its trials on fresh seeds.
        metric: The loss that decides.
        target: The loss that counts as reached, if there is one.
        spec: For the epochs of a whole run, and how points were searched for.
    """
    entry = catalogue.optimizer(contender.optimizer)
    space = searched(contender, entry) if entry else (contender.space or {})
    runs = counted_runs(finals, metric)
    return ContenderReport(
        name=contender.label,
        optimizer=contender.optimizer,
        settings=chosen,
        space=space,
        at_bounds=tuple(_at_bounds(chosen or {}, space)),
        tuning=_tuning_cost(tuning, spec.budget.epochs),
        sensitivity=sensitivity(tried_points(tuning, metric), spec.tuning),
        runs=_number(finals, TrialState.FINISHED) + _number(finals, TrialState.DIVERGED),
        diverged=_number(finals, TrialState.DIVERGED),
        failed=_number(finals, TrialState.FAILED),
        final_loss=_interval([run.final_loss for run in runs]),
        best_loss=_interval([run.best_loss for run in runs]),
        **{measured.value: _at_end(runs, measured) for measured in Metric},
        run_seconds=_interval([point.training_seconds for point in _ends(runs)]),
        run_gradients=_interval([point.gradient_evaluations for point in _ends(runs)]),
        cost=run_cost(finals),
        training_seconds=_time_to(runs, Outcome.TRAINING_SECONDS, target),
        epochs=_time_to(runs, Outcome.EPOCHS, target),
        steps=_time_to(runs, Outcome.STEPS, target),
    )


def finite(value: float) -> float | None:
    """The value, or None where it is infinite: contracts hold finite numbers alone."""
    return value if math.isfinite(value) else None


def _tuning_cost(trials: Sequence[TrialResult], epochs: int) -> TuningCost:
    diverged = _number(trials, TrialState.DIVERGED)
    failed = _number(trials, TrialState.FAILED)
    stopped = [trial for trial in trials if trial.state is TrialState.STOPPED and trial.measured]
    return TuningCost(
        trials=_number(trials, TrialState.FINISHED) + len(stopped) + diverged + failed,
        diverged=diverged,
        failed=failed,
        stopped=len(stopped),
        saved_seconds=sum(_left_out(trial, epochs) for trial in stopped),
        worker_seconds=sum(trial.worker_seconds for trial in trials),
    )


def _left_out(trial: TrialResult, epochs: int) -> float:
    """What the rest of a trial that was stopped would have cost at its pace, in worker-seconds."""
    first, last = trial.points[0], trial.points[-1]
    done = last.epoch - first.epoch
    seconds = (last.elapsed_seconds - first.elapsed_seconds) * last.ranks
    return seconds / done * (epochs - last.epoch) if done else 0.0


def _number(trials: Sequence[TrialResult], state: TrialState) -> int:
    return sum(trial.state is state for trial in trials)


def _interval(values: Sequence[float]) -> Interval:
    if not values:
        return Interval(median=None)
    bounds = median_interval(values)
    return Interval(median=finite(bounds.median), low=finite(bounds.low), high=finite(bounds.high))


def _at_end(runs: Sequence[Run], metric: Metric) -> Interval:
    """A metric at the end of the runs; empty where no run that finished measured it."""
    if all(run.at_end(metric) is None for run in runs if run.finished):
        return NOT_MEASURED
    return _interval([value for run in runs if (value := run.at_end(metric)) is not None])


def _ends(runs: Sequence[Run]) -> list[MetricPoint]:
    """The last point of each run that finished."""
    return [run.points[-1] for run in runs if run.finished and run.points]


def _time_to(runs: Sequence[Run], axis: Outcome, target: float | None) -> TimeTo:
    times = [run.outcome(axis, target) for run in runs]
    interval = _interval(times)
    return TimeTo(
        median=interval.median,
        low=interval.low,
        high=interval.high,
        reached=sum(map(math.isfinite, times)),
        runs=len(runs),
    )


def _at_bounds(point: Point, space: Space) -> Iterator[str]:
    for name, value in point.items():
        dimension = space.get(name)
        if dimension is not None and is_number(value) and _is_at_a_bound(value, dimension):
            yield name


def _is_at_a_bound(value: float, dimension: Dimension) -> bool:
    """Whether the value lies near an end of its range, or is an end of its list of numbers."""
    if isinstance(dimension, Values):
        return dimension.bounds is not None and value in dimension.bounds
    return not EDGE < dimension.share(value) < 1 - EDGE
