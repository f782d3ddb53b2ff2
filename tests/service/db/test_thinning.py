"""Curves thinned out by the database are those of the plain account, and keep their extremes."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.db.models import Point
from service.db.unit_of_work import SqlUnits
from tests.support.control_plane import ControlPlane, point
from tests.support.thinning import downsample

LOSSES = st.none() | st.floats(0, 1e6) | st.sampled_from([0.0, 1.0])
CURVES = st.lists(st.tuples(LOSSES, LOSSES), min_size=1, max_size=60)


def curve(losses: Sequence[tuple[float | None, float | None]]) -> list[MetricPoint]:
    return [
        point(epoch).model_copy(update={"train_loss": train, "validation_loss": validation})
        for epoch, (train, validation) in enumerate(losses)
    ]


def extremes(points: Sequence[MetricPoint], metric: Metric) -> set[float | None]:
    """The lowest and the highest value, None where there is one that is not finite."""
    values = [one.value(metric) for one in points]
    finite = [value for value in values if value is not None]
    return {min(finite, default=None), None if None in values else max(finite)}


@given(losses=CURVES, most=st.integers(1, 40))
def test_the_plain_account_keeps_the_ends_and_each_metrics_extremes(
    losses: list[tuple[float | None, float | None]], most: int
) -> None:
    points = curve(losses)
    thin = downsample(points, most)
    assert len(thin) <= max(most, 6)
    assert (thin[0], thin[-1]) == (points[0], points[-1])
    assert list(thin) == [one for one in points if one in thin], "in order, each once"
    for metric in (Metric.TRAIN_LOSS, Metric.VALIDATION_LOSS):
        assert {one.value(metric) for one in thin} >= extremes(points, metric)


def test_the_database_thins_as_the_plain_account_does(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    units = SqlUnits(plane_on_both.engine)
    with units.read() as unit:
        *keys, without = (trial.key for trial in unit.trials.of(comparison_id))

    @settings(max_examples=30)
    @given(curves=st.lists(CURVES, min_size=1, max_size=len(keys)), most=st.integers(2, 40))
    def hold_against_it(curves: list[list[tuple[float | None, float | None]]], most: int) -> None:
        whole = dict(zip(keys, map(curve, curves), strict=False))
        with units.write() as unit:
            unit.points.session.execute(delete(Point))
            unit.points.upsert(1, [(key, one) for key, points in whole.items() for one in points])
            found = unit.points.thinned([*whole, without], most)
        thin = {key: downsample(points, most) for key, points in whole.items()}
        assert found == {**thin, without: ()}

    hold_against_it()


@pytest.mark.parametrize("most", [2, 100])
def test_more_trials_than_a_query_takes_are_read(plane: ControlPlane, most: int) -> None:
    with SqlUnits(plane.engine).read() as unit:
        keys = range(40_000)
        assert not any(unit.points.thinned(keys, most).values())
        assert not any(unit.points.of(keys).values())
