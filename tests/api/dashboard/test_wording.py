"""Moments and intervals as the pages write them."""

from datetime import UTC, datetime, timedelta

import pytest

from api.dashboard import wording
from service.contracts.metrics import Metric
from service.contracts.report import Interval

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_an_age_has_one_unit(seconds: int, text: str) -> None:
    assert wording.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_a_moment_of_a_clock_that_is_ahead_is_now() -> None:
    assert wording.ago(NOW + timedelta(seconds=3), NOW) == "0 s"


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert wording.ago((NOW - timedelta(hours=1)).replace(tzinfo=None), NOW) == "1 h"


def test_each_kind_of_interval_has_its_digits() -> None:
    interval = Interval(median=1.0, low=0.98765, high=1.23456)
    assert wording.span(interval) == "0.988–1.23"
    assert wording.metric_span(interval, Metric.TEST_LOSS) == "0.9877–1.235"
    assert wording.metric_span(interval, Metric.TEST_ACCURACY) == "98.77–123.46"
    assert wording.ratio_span(interval) == "0.99–1.23"
    assert wording.span(Interval(median=None, low=None, high=None)) == ""
