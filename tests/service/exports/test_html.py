"""The report as one self-contained page."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from service.contracts.catalogue import built_in
from service.contracts.metrics import Metric
from service.contracts.spec import Outcome
from service.contracts.states import TrialState
from service.contracts.usage import Phase, Usage
from service.domain.results import ComparisonResults, TrialResult
from service.domain.scoring import score
from service.exports.figures import loss_figure
from service.exports.html import render_html
from service.exports.palette import (
    FURTHER_COLOURS,
    OPTIMIZER_COLOURS,
    contender_colours,
)
from tests.support.comparisons import NOW, PROBLEM, WON, a_spec, a_trial, results, searched


class Page(HTMLParser):
    """Collects what a page asks a browser to do, and what it says."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def page_of(outcome: ComparisonResults) -> str:
    return render_html(score(outcome, built_in(), now=NOW), outcome)


@pytest.fixture(scope="module")
def text() -> str:
    """The page of a comparison that was won."""
    return page_of(WON)


def test_the_verdict_comes_first_and_the_figures_follow(text: str) -> None:
    words = Page(text).words
    sentence = "K-BFGS reaches 50.0 in 0.40× Adam's time"
    assert words.index(sentence) < words.index("best settings") < words.index("How it was run")
    assert text.count("<svg") == 2
    for colour in ("kbfgs", "adam"):
        assert OPTIMIZER_COLOURS[colour].lower() in text.lower()


def test_nothing_is_fetched_and_nothing_is_run(text: str) -> None:
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on")
        if name in {"href", "xlink:href", "src", "action"}:
            assert value.startswith("#")
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


@pytest.mark.parametrize(
    ("tuning", "space", "told"),
    [
        ({"trials": 4}, {"lr": {"log": [0.1, 1]}}, ["4 Sobol points", "lr from 0.1 to 1 (log-un"]),
        ({"search": "random", "trials": 3}, {"lr": {"linear": [0.1, 1]}}, ["3 random points"]),
        (
            {"search": "grid"},
            {"damping": {"log": [0.1, 1], "points": 3}, "lr": {"values": [0.3, 1]}},
            ["a grid for each contender", "damping 3 from 0.1 to 1 (log); lr one of 0.3, 1"],
        ),
    ],
)
def test_the_search_and_the_spaces_are_told(
    tuning: dict[str, object], space: dict[str, object], told: list[str]
) -> None:
    spec = a_spec(contenders=[{"optimizer": "kbfgs", "space": space}], tuning=tuning)
    words = Page(page_of(results(spec, searched(spec)))).words
    for text in told:
        assert text in words


def test_what_people_wrote_is_text_not_markup(text: str) -> None:
    assert "<K-BFGS>" not in text
    assert "<K-BFGS> & friends" in Page(text).words


def test_the_same_results_give_the_same_page(text: str) -> None:
    assert page_of(WON) == text


def test_an_interim_report_is_marked() -> None:
    spec = a_spec()
    page = Page(page_of(results(spec, searched(spec), complete=False)))
    assert "interim" in page.words
    assert "svg" not in page.tags


@pytest.mark.parametrize(
    "finals",
    [
        [],
        [a_trial("kbfgs", [100, None], state=TrialState.DIVERGED)],
        [a_trial("kbfgs", [None], state=TrialState.DIVERGED)],
        [a_trial("kbfgs", [0.0, -5.0])],
        [a_trial("kbfgs", [100])],
        [a_trial("kbfgs", [100, 50], state=TrialState.RUNNING)],
    ],
)
def test_odd_results_still_give_a_page(finals: list[TrialResult]) -> None:
    spec = a_spec()
    outcome = results(spec, [*searched(spec), *finals])
    sentence = score(outcome, built_in(), now=NOW).problems[0].sentence
    assert sentence in Page(page_of(outcome)).words


def drawn(outcome: ComparisonResults, **look: object) -> str | None:
    usual = {"metric": Metric.TRAIN_LOSS, "target": None}
    return loss_figure(outcome, PROBLEM, Outcome.EPOCHS, **{**usual, **look})


def test_a_figure_shows_the_loss_that_decides() -> None:
    outcome = results(a_spec("kbfgs"), [a_trial("kbfgs", [100, 50])])
    look = {"colours": {"kbfgs": "#0072B2"}}
    figures = {metric: drawn(outcome, metric=metric, **look) for metric in Metric}
    for metric, text in figures.items():
        assert text is not None
        assert metric.words in text
    assert "<path" in figures[Metric.TEST_LOSS]
    curves = {metric: text.count("stroke: #0072b2") for metric, text in figures.items()}
    assert curves[Metric.TRAIN_LOSS] == curves[Metric.TEST_LOSS] > 0
    assert curves[Metric.VALIDATION_LOSS] == 0, "nothing of it was measured"


def test_what_was_measured_beside_the_deciding_loss_has_a_table(text: str) -> None:
    words = Page(text).words
    assert "Training loss of the finals" in words
    assert words.index("Also measured") < words.index("test loss (95 %)") < words.index("Pairs")
    assert "the lowest final training loss, never by test data" in words


def test_curves_need_finals() -> None:
    spec = a_spec()
    assert drawn(results(spec, searched(spec)), colours={}) is None


def test_the_line_is_the_median_over_the_seeds() -> None:
    spec = a_spec("kbfgs")
    runs = [a_trial("kbfgs", [100, loss], seed=seed) for seed, loss in enumerate((10, 20, 90))]

    def line(outcome: ComparisonResults) -> str:
        text = drawn(outcome, colours={"kbfgs": "#0072B2"})
        assert text is not None
        return next(
            path for path in re.findall(r"<path d=\"[^>]*>", text) if "stroke: #0072b2" in path
        )

    shifted = [a_trial("kbfgs", [100, loss], seed=seed) for seed, loss in enumerate((10, 40, 90))]
    assert line(results(spec, runs)) != line(results(spec, shifted))
    assert line(results(spec, runs)) == line(results(spec, list(reversed(runs))))


def test_each_contender_has_its_own_colour_and_its_optimizers_where_it_can() -> None:
    named = {"one": "adam", "two": "adam", "three": "sgd", "four": "unknown"}
    colours = contender_colours(named)
    assert colours["one"] == OPTIMIZER_COLOURS["adam"]
    assert colours["three"] == OPTIMIZER_COLOURS["sgd"]
    assert len(set(colours.values())) == 4
    assert {colours["two"], colours["four"]} <= set(FURTHER_COLOURS)


def test_no_two_colours_are_the_same() -> None:
    every = [*OPTIMIZER_COLOURS.values(), *FURTHER_COLOURS]
    assert len(set(every)) == len(every)


def test_what_the_runs_took_has_a_table_where_workers_told(text: str) -> None:
    assert "Cost of the finals" not in text
    usage = Usage(phases={Phase.FIRST_PASS: 1.0}, peak_memory_bytes=412_000_000)
    told = replace(WON, trials=tuple(replace(trial, usage=usage) for trial in WON.trials))
    words = Page(page_of(told)).words
    cost = words[words.index("Cost of the finals") : words.index("How it was judged")]
    assert "forward and backward" in cost
    assert "412 MB" in cost
    assert "what trials before it in the same process left" in cost
