"""The 95 % interval of a median."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.scoring.intervals import Bounds, median_interval

SAMPLES = st.lists(st.integers(-(10**6), 10**6).map(float), min_size=1, max_size=40)


def test_the_arithmetic_for_eight_values() -> None:
    # P(Bin(8, 1/2) < 1) = 1/256 and P(. < 2) = 9/256: the ranks 1 and 2 cover 254/256 and 238/256.
    # I = (0.9921875 - 0.95) / (0.9921875 - 0.9296875) = 0.675
    # share = (8 - 1) I / (1 + (8 - 2) I) = 4.725 / 5.05
    share = 4.725 / 5.05
    bounds = median_interval([10, 20, 30, 40, 50, 60, 70, 80])
    assert bounds.median == 45
    assert bounds.low == pytest.approx(10 + 10 * share)
    assert bounds.high == pytest.approx(80 - 10 * share)


@given(SAMPLES)
def test_the_median_lies_in_its_interval(values: list[float]) -> None:
    bounds = median_interval(values)
    assert bounds.median == pytest.approx(np.median(values))
    assert bounds.low <= bounds.median <= bounds.high


@given(SAMPLES, st.integers(-100, 100))
def test_moving_the_sample_moves_the_interval(values: list[float], by: int) -> None:
    before, after = median_interval(values), median_interval([value + by for value in values])
    assert after.low == pytest.approx(before.low + by, abs=1e-6)
    assert after.high == pytest.approx(before.high + by, abs=1e-6)


@given(SAMPLES)
def test_turning_the_sample_round_turns_the_interval_round(values: list[float]) -> None:
    before, after = median_interval(values), median_interval([-value for value in values])
    assert (after.low, after.median, after.high) == pytest.approx(
        (-before.high, -before.median, -before.low)
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_than_six_different_values_bound_nothing(count: int) -> None:
    bounds = median_interval(list(range(count)))
    assert (bounds.low, bounds.high) == (-math.inf, math.inf)


def test_identical_values_give_the_point() -> None:
    assert median_interval([3.0, 3.0]) == Bounds(3, 3, 3)
    assert median_interval([3.0] * 8) == Bounds(3, 3, 3)


def test_missed_runs_leave_the_side_open_and_the_rest_as_it_is() -> None:
    times = [1.0, 2, 3, 4, 5, 6, 7]
    bounds = median_interval([*times, math.inf])
    assert bounds.high == math.inf
    assert bounds.low == median_interval([*times, 8.0]).low
    assert bounds.median == 4.5


def test_half_of_the_runs_missed_leave_no_median() -> None:
    assert median_interval([1.0, 2, 3, math.inf, math.inf, math.inf]).median == math.inf
    assert median_interval([-math.inf] * 3 + [math.inf] * 3).median == 0
