"""Trials and their curves as people see them."""

from collections.abc import Collection
from dataclasses import dataclass

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.states import StudyKind
from service.contracts.views import Curve, Series, TrialView
from service.domain.errors import NotFound
from service.domain.ports import UnitOfWork, Units
from service.domain.records import TrialRecord
from service.usecases.views import trial_view


@dataclass(frozen=True, slots=True)
class Trials:
    """What people may ask of trials."""

    units: Units

    def of(
        self,
        comparison_id: str,
        *,
        kind: StudyKind | None = None,
        contender: str | None = None,
    ) -> tuple[TrialView, ...]:
        """A comparison's trials by number.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            _check(unit, comparison_id)
            trials = unit.trials.of(comparison_id, kind=kind, contender=contender)
        return tuple(trial_view(trial) for trial in trials)

    def series(
        self,
        comparison_id: str,
        *,
        kind: StudyKind | None = None,
        contender: str | None = None,
        trial_ids: Collection[str] | None = None,
        points: int | None = None,
    ) -> tuple[Series, ...]:
        """The curves of a comparison's trials, those without points left out.

        Args:
            comparison_id: Whose trials.
            kind: Tuning or finals alone.
            contender: One contender alone.
            trial_ids: These trials alone.
            points: How many points of each curve at most; the extremes are kept.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            _check(unit, comparison_id)
            trials = unit.trials.of(
                comparison_id, kind=kind, contender=contender, trial_ids=trial_ids
            )
            keys = [trial.key for trial in trials]
            curves = unit.points.of(keys) if points is None else unit.points.thinned(keys, points)
        return tuple(_series(trial, curves[trial.key]) for trial in trials if curves[trial.key])


def _series(trial: TrialRecord, points: tuple[MetricPoint, ...]) -> Series:
    return Series(
        trial_id=trial.id,
        kind=trial.kind,
        problem=trial.problem,
        contender=trial.contender,
        optimizer=trial.optimizer,
        seed=trial.seed,
        state=trial.state,
        epoch=tuple(point.epoch for point in points),
        step=tuple(point.step for point in points),
        training_seconds=tuple(point.training_seconds for point in points),
        elapsed_seconds=tuple(point.elapsed_seconds for point in points),
        **{metric.value: _curve(points, metric) for metric in Metric},
    )


def _curve(points: tuple[MetricPoint, ...], metric: Metric) -> Curve:
    """A metric epoch by epoch; nothing where no point has it, as most problems lack some."""
    curve = tuple(point.value(metric) for point in points)
    return () if all(value is None for value in curve) else curve


def _check(unit: UnitOfWork, comparison_id: str) -> None:
    if unit.comparisons.get(comparison_id) is None:
        raise NotFound(f"there is no comparison {comparison_id}")
