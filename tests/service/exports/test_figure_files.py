"""The figures of a report as files."""

import re
from collections.abc import Iterator
from functools import cache
from xml.etree import ElementTree

import pytest

from service.contracts.catalogue import built_in
from service.contracts.forms import ReportForm
from service.contracts.report import Report
from service.domain.scoring import score
from service.exports import canvas
from service.exports.canvas import FigureForm
from service.exports.curves import MOST_ROWS, Band, Curve, band
from service.exports.figures import figure_file
from service.exports.palette import OPTIMIZER_COLOURS
from tests.support.comparisons import NOW, PROBLEM, WON, a_spec, results, searched


@cache
def report() -> Report:
    return score(WON, built_in(), now=NOW)


@cache
def picture(form: FigureForm) -> bytes:
    return figure_file(report(), WON, form)


def words(svg: bytes) -> list[str]:
    return [text for text in ElementTree.fromstring(svg).itertext() if text.strip()]


@pytest.mark.parametrize("form", [ReportForm.SVG, ReportForm.PDF])
def test_the_same_report_gives_the_same_bytes_without_a_date(form: FigureForm) -> None:
    file = picture(form)
    assert file == figure_file(report(), WON, form)
    assert not re.search(rb"CreationDate|<dc:date>", file)
    assert file.startswith(b"<?xml" if form is ReportForm.SVG else b"%PDF-")


def test_it_shows_loss_against_epochs_and_seconds_one_colour_an_optimizer() -> None:
    svg = picture(ReportForm.SVG)
    shown = words(svg)
    for text in ("epochs", "training seconds", "training loss", "kbfgs (8)", WON.spec.name):
        assert shown.count(text) == 1
    assert shown.count("target 50.0") == 2
    for optimizer in ("kbfgs", "adam"):
        assert OPTIMIZER_COLOURS[optimizer].lower().encode() in svg


def test_several_problems_have_a_row_each_under_their_titles() -> None:
    (one,) = report().problems
    two = one.model_copy(update={"title": "the other one"})
    svg = figure_file(report().model_copy(update={"problems": (one, two)}), WON, ReportForm.SVG)
    assert words(svg).count("training seconds") == 2
    assert {one.title, "the other one"} <= set(words(svg))


def test_without_finals_it_says_so() -> None:
    spec = a_spec()
    outcome = results(spec, searched(spec), complete=False)
    svg = figure_file(score(outcome, built_in(), now=NOW), outcome, ReportForm.SVG)
    assert "no run of the finals has a curve yet" in words(svg)
    assert PROBLEM not in words(svg)


def test_the_band_is_the_lowest_median_and_highest_loss_at_each_epoch() -> None:
    runs = [
        Curve(range(len(losses)), [10 * at for at in range(len(losses))], losses)
        for losses in ([9, 3], [9, 5], [9, 4, 1], [9, None])
    ]
    assert band(runs, above_zero=False) == Band((0, 10, 20), (9, 3, 1), (9, 4, 1), (9, 5, 1))
    assert band(runs, above_zero=True) == Band((10, 20), (3, 1), (4, 1), (5, 1))
    assert band([], above_zero=True) == Band((), (), (), ())


class Counted(list[float]):
    """Counts how many of its entries were looked at in turn."""

    seen = 0

    def __iter__(self) -> Iterator[float]:
        for value in super().__iter__():
            self.seen += 1
            yield value


def test_a_band_looks_at_each_evaluation_once() -> None:
    losses = [Counted(range(400, 0, -1)) for _ in range(3)]
    band([Curve(range(400), range(400), own) for own in losses], above_zero=False)
    assert [own.seen for own in losses] == [400] * 3


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_long_band_is_thinned_out_and_keeps_its_ends_and_extremes(logarithmic: bool) -> None:
    epochs = range(1, 20_001)
    losses = [1 + 1 / epoch for epoch in epochs]
    losses[7_000], losses[13_001] = 40.0, 0.1
    whole = Curve(epochs, epochs, losses)
    shown = band([whole], above_zero=logarithmic)
    assert 200 < len(shown.at) <= MOST_ROWS + 2
    drawn = dict(zip(shown.at, shown.median, strict=True))
    assert drawn.items() <= dict(zip(epochs, losses, strict=True)).items()
    assert (shown.at[0], shown.at[-1]) == (1, 20_000)
    assert (drawn[7_001], drawn[13_002]) == (40.0, 0.1)
    if logarithmic:  # they are a third of the picture
        assert set(range(1, 30)) <= drawn.keys()


def test_bands_are_made_before_others_have_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = []

    def watched(curves: list[Curve], *, above_zero: bool) -> Band:
        waiting.append(canvas._ONE_AT_A_TIME.locked())
        return band(curves, above_zero=above_zero)

    monkeypatch.setattr("service.exports.figures.band", watched)
    figure_file(report(), WON, ReportForm.SVG)
    assert waiting == [False] * 4
