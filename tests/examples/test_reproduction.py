"""What the reproduction of the paper draws and tells, from made-up runs."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.paper.__main__ import FULL, SMALL, SPECS
from examples.paper.deadline import Deadline
from examples.paper.figures import draw
from examples.paper.outcomes import not_run, runs_of_views
from examples.paper.published import SETTINGS, TRAIN_LOSS
from examples.paper.tables import document
from service.contracts.catalogue import built_in
from service.contracts.documents import read_document
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind, TrialState
from service.domain.planning import read_spec
from service.domain.previews import preview
from service.exports.palette import OPTIMIZER_COLOURS
from tests.support.example_comparison import example
from tests.support.paper_outcomes import a_run, a_spec, an_outcome

NOW = datetime(2026, 1, 2, tzinfo=UTC)
KBFGS = [a_run("kbfgs", [540, 70, 60]), a_run("kbfgs", [540, 72, 62])]


def a_paper_spec(name: str) -> ComparisonSpec:
    return read_spec(read_document((SPECS / f"{name}.yaml").read_text()), built_in())


@pytest.mark.parametrize("name", [*FULL, *SMALL])
def test_every_comparison_plans_with_equal_searches(name: str) -> None:
    shown = preview(a_paper_spec(name), built_in())
    assert not [warning for warning in shown.warnings if "not equal" in warning]


@pytest.mark.parametrize("name", FULL)
def test_the_paper_is_run_as_it_is(name: str) -> None:
    for contender in a_paper_spec(name).contenders:
        assert contender.settings["weight_decay"] == 1e-5
        if contender.optimizer in ("kbfgs", "kbfgs-l", "kfac"):
            assert contender.settings["safeguard"] is False


def test_the_published_runs_have_the_published_settings() -> None:
    for contender in a_paper_spec("mnist-published").contenders:
        lr, damping = contender.settings["lr"], contender.settings["damping"]
        assert SETTINGS[contender.optimizer] == f"lr {lr}, damping {damping}"


def test_a_figure_has_every_method_in_its_colour_as_svg_and_png(tmp_path: Path) -> None:
    svg, png = draw(an_outcome(*KBFGS, a_run("kfac", [540, 80, 65])), tmp_path)
    text = svg.read_text()
    assert OPTIMIZER_COLOURS["kbfgs"].lower() in text
    assert {"kbfgs (2)", "kfac (1)", "kbfgs, published", "epochs", "training seconds"} <= set(
        re.findall(r">([^<>]+)</text>", text)
    )
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_method_without_finals_shows_the_best_run_of_its_search() -> None:
    search = [
        a_run("kfac", [9, 4], kind=StudyKind.TUNING, lr=1),
        a_run("kfac", [9, 2], kind=StudyKind.TUNING, lr=3),
        a_run("kfac", [9, 1], kind=StudyKind.TUNING, lr=9, state=TrialState.DIVERGED),
        a_run("kfac", [], state=TrialState.QUEUED),
    ]
    assert an_outcome(*search).shown("kfac") == (search[1],)


def test_nothing_is_drawn_where_nothing_ran(tmp_path: Path) -> None:
    assert draw(not_run("faces", "the data are missing"), tmp_path) == ()
    assert draw(an_outcome(a_run("kbfgs", [], state=TrialState.QUEUED)), tmp_path) == ()
    assert not list(tmp_path.iterdir())


def test_the_page_holds_the_published_figures_beside_those_that_were_reached() -> None:
    outcome = replace(an_outcome(*KBFGS), weight_terms=(("kbfgs", 0.0421),))
    text = document([outcome], now=NOW)
    row = "| kbfgs | damping 0.3, lr 0.3 (published: lr 0.3, damping 0.3) |"
    published = TRAIN_LOSS["mnist-autoencoder"]["kbfgs"]
    assert f"{row} 10 | {published[10]:.2f} | 61.00 | {61 - published[10]:+.2f} | 2 |" in text
    assert f"{row} 62 | {published[62]:.2f} | not run | – | 0 |" in text
    assert "kbfgs 0.0421" in text


def test_another_problem_has_no_published_figures() -> None:
    text = document([an_outcome(*KBFGS, spec=a_spec("mnist-5k-autoencoder"))], now=NOW)
    assert "published" not in text


def test_the_page_tells_which_cells_ran_and_why_others_did_not() -> None:
    search = [
        a_run("kfac", [9], kind=StudyKind.TUNING, state=TrialState.DIVERGED),
        a_run("kfac", [], kind=StudyKind.TUNING, state=TrialState.QUEUED),
    ]
    outcomes = [an_outcome(*search, missing="stopped"), not_run("faces", "no data")]
    text = document(outcomes, now=NOW)
    assert "| kfac | – | 1 of 2, 1 diverged | none planned | – | – |" in text
    assert "- `two`: stopped" in text
    assert "- `faces`: no data" in text


def test_runs_are_the_same_from_a_server() -> None:
    found = example()
    runs = runs_of_views(found.trials, found.series)
    assert len(runs) == len(found.trials)
    finished = [run for run in runs if run.state is TrialState.FINISHED]
    assert finished[0].final_loss == found.trials[0].final_loss
    assert runs_of_views(found.trials, [])[0].losses == ()


def test_a_deadline_passes_once_its_hours_are_over() -> None:
    now = [100.0]
    deadline = Deadline(0.5, clock=lambda: now[0])
    now[0] += 1799
    assert not deadline.passed
    now[0] += 1
    assert deadline.passed
    assert not Deadline(None).passed
