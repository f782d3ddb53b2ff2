"""When a run reached the target, and what the target is."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.domain.scoring import targets
from service.domain.scoring.targets import moved, relative_target
from tests.support.comparisons import curve

LOSSES = st.floats(-100, 100)


def reached_at(points: Sequence[MetricPoint], target: float, axis: Outcome) -> float:
    """By training loss."""
    return targets.reached_at(points, target, axis=axis, metric=Metric.TRAIN_LOSS)


@pytest.mark.parametrize(
    ("axis", "expected"),
    # 100 -> 60 over the second epoch; 70 lies 3/4 of the way: 1.75 epochs of 2 s and 20 steps
    [(Outcome.EPOCHS, 1.75), (Outcome.TRAINING_SECONDS, 3.5), (Outcome.STEPS, 35.0)],
)
def test_the_target_is_reached_between_two_evaluations(axis: Outcome, expected: float) -> None:
    assert reached_at(curve([200, 100, 60, 90], 2.0), 70, axis) == pytest.approx(expected)


def test_a_run_that_stays_above_the_target_never_reaches_it() -> None:
    assert reached_at(curve([100, 90, 80]), 79.9, Outcome.EPOCHS) == math.inf
    assert reached_at((), 50, Outcome.EPOCHS) == math.inf


def test_the_first_crossing_counts() -> None:
    assert reached_at(curve([100, 50, 100, 50]), 50, Outcome.EPOCHS) == 1


def test_initial_weights_below_the_target_take_no_time() -> None:
    assert reached_at(curve([40, 30]), 50, Outcome.TRAINING_SECONDS) == 0


def test_after_a_loss_that_is_not_finite_nothing_is_interpolated() -> None:
    assert reached_at(curve([100, None, 40]), 50, Outcome.EPOCHS) == 2


def test_a_final_loss_is_no_axis() -> None:
    with pytest.raises(ValueError, match="no axis"):
        reached_at(curve([100, 10]), 50, Outcome.FINAL_LOSS)


def test_another_loss_reaches_the_target_when_it_does() -> None:
    """Test losses lie 1 above the training losses: 61 for 60, half way down from 101 to 21."""
    at = targets.reached_at(curve([100, 20]), 61, axis=Outcome.EPOCHS, metric=Metric.TEST_LOSS)
    assert at == 0.5
    unmeasured = Metric.VALIDATION_LOSS
    assert targets.reached_at(curve([9, 0]), 5, axis=Outcome.STEPS, metric=unmeasured) == math.inf


@given(losses=st.lists(LOSSES, min_size=2, max_size=8), target=LOSSES)
def test_the_time_lies_between_the_neighbouring_evaluations(
    losses: list[float], target: float
) -> None:
    assume(losses[0] > target)
    at = reached_at(curve(losses), target, Outcome.EPOCHS)
    below = [epoch for epoch, loss in enumerate(losses) if loss <= target]
    if below:
        assert below[0] - 1 <= at <= below[0]
    else:
        assert at == math.inf


@given(losses=st.lists(LOSSES, min_size=2, max_size=8), target=LOSSES, easier=st.floats(0, 50))
def test_an_easier_target_is_never_reached_later(
    losses: list[float], target: float, easier: float
) -> None:
    points = curve(losses)
    harder = reached_at(points, target, Outcome.EPOCHS)
    assert reached_at(points, target + easier, Outcome.EPOCHS) <= harder + 1e-9


def test_the_relative_target_is_the_worst_median_best_loss_plus_five_percent() -> None:
    # medians 50 and 60; 60 + 0.05 x 60 = 63
    assert relative_target([[40, 50, 90], [60, 60]]) == pytest.approx(63)


def test_a_run_that_diverged_is_the_worst_of_its_contender() -> None:
    """Of 20, 30 and a run that diverged the median is 30, as the report shows it."""
    assert relative_target([[20, math.inf, 30], [10, 10]]) == pytest.approx(31.5)


def test_contenders_without_a_median_do_not_set_the_target() -> None:
    assert relative_target([[], [20.0]]) == pytest.approx(21)
    assert relative_target([[math.inf, math.inf, 90], [20.0]]) == pytest.approx(21)
    assert relative_target([[90, math.inf], [20.0]]) == pytest.approx(21)
    assert relative_target([[], [math.inf]]) is None


@given(value=st.floats(-1e6, 1e6), share=st.floats(0, 0.5))
def test_moving_a_target_makes_it_easier_whatever_its_sign(value: float, share: float) -> None:
    assert moved(value, -share) <= value <= moved(value, share)
