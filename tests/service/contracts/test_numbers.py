"""Figures as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts import numbers
from tests.support.number_examples import WRITTEN, Written


@pytest.mark.parametrize("example", WRITTEN, ids=lambda one: f"{one.function}{one.given}")
def test_figures_are_written_as_the_examples_say(example: Written) -> None:
    assert getattr(numbers, example.function)(*example.given) == example.text


@given(st.floats(-1e300, 1e300))
def test_what_is_written_is_near_what_was_meant(value: float) -> None:
    for written, error in ((numbers.number(value), 0.005), (numbers.loss(value), 0.0005)):
        assert float(written.replace(",", "")) == pytest.approx(value, rel=1.001 * error)


@given(st.floats(-1e300, 1e300))
def test_a_setting_is_written_in_four_digits(value: float) -> None:
    assert float(numbers.setting(value)) == pytest.approx(value, rel=0.000501)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(0.4123, "0.41×"), (1.009, "1.01×"), (0.0213, "0.021×"), (23.4, "23×"), (None, "–×")],
)
def test_ratios_have_two_decimals_near_one(ratio: float | None, text: str) -> None:
    assert numbers.times(ratio) == text


def test_a_median_stands_before_its_interval() -> None:
    assert numbers.with_span(1.5, 1, 2) == "1.50 (1.00–2.00)"
    assert numbers.with_span(1.5, None, None) == "1.50"
    assert numbers.with_span(196.76, 196.5, 197.1, write=numbers.loss) == "196.8 (196.5–197.1)"


def test_small_probabilities_are_bounded() -> None:
    assert numbers.probability(0.0234) == "p = 0.023"
    assert numbers.probability(0.00002) == "p < 0.001"
    assert numbers.probability(1.0) == "p = 1"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, numbers.DASH),
        (4.23, "4.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200, "3 min 20 s"),
        (18_720, "5 h 12 min"),
        (180_000, "2 d 2 h"),
    ],
)
def test_a_duration_has_two_units(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds) == text


def test_words_are_listed() -> None:
    assert [numbers.listed(["A", "B", "C"][:n]) for n in range(4)] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (33.5, "34 B"),
        (98_200, "98.2 kB"),
        (412e6, "412 MB"),
        (1.38e9, "1.38 GB"),
    ],
)
def test_bytes_have_the_largest_unit_that_fits(count: float | None, text: str) -> None:
    assert numbers.size(count) == text
