"""Profiles over several problems, and the map of a search."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from service.contracts.metrics import Metric
from service.contracts.states import FailureKind, StudyKind, TrialState
from service.domain.selection import tried_points
from tests.support.chromium import watched_page
from tests.support.comparisons import a_trial
from tests.support.web_service import WebService, web_service

pytestmark = pytest.mark.browser

SUITE = ["mnist-5k-autoencoder", "tiny-classes"]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebService]:
    """One service for all tests here: they only look at it."""
    with web_service(tmp_path_factory.mktemp("suites") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def suite(web: WebService) -> str:
    """The address of a finished comparison on two problems; sgd searches one setting alone."""
    contenders = [{"optimizer": "kbfgs"}, {"optimizer": "adam", "space": {"lr": {"log": [1, 9]}}}]
    identifier = web.submit(problems=SUITE, contenders=contenders, tuning={"trials": 4}, seeds=2)
    while study := web.next_study():
        for trial in study.assignment.trials:
            study.run(trial)
        study.end()
    return f"{web.url}/comparisons/{identifier}"


def opened(page: Page, web: WebService, address: str) -> None:
    page.goto(web.login_link())
    page.goto(address)
    expect(page.locator("[data-map-caption]")).to_contain_text("points")


def axes(page: Page, plot: str) -> list[str]:
    """Titles and scales of a plot's axes."""
    read = """(name) => {
        const { xaxis, yaxis } = document.querySelector(name)._fullLayout;
        return [xaxis.title.text, xaxis.type, yaxis.title.text, yaxis.type];
    }"""
    found: list[str] = page.evaluate(read, plot)
    return found


def test_profiles_are_drawn_as_the_table_has_them(
    browser: Browser, web: WebService, suite: str
) -> None:
    with watched_page(browser, theme="dark") as page:
        opened(page, web, suite)
        drawn = page.evaluate(
            "() => document.querySelector('[data-profiles-plot]').data"
            ".map((line) => [line.name, line.x, line.y, line.line.shape])"
        )
        profiles = web.service.reports.report(suite.rsplit("/", 1)[1]).profiles
        assert profiles is not None
        expected = [
            [one.name, [at for at, _ in one.steps], [share for _, share in one.steps], "hv"]
            for one in profiles.contenders
        ]
        assert drawn == expected
        assert axes(page, "[data-profiles-plot]")[1:] == ["log", "share of problems", "linear"]
        row = page.locator("[data-profile=kbfgs]")
        for word in (profiles.contenders[0].written.split()[0], "2 of 2", "1.00×"):
            expect(row).to_contain_text(word)


def test_the_map_shows_the_chosen_search_and_keeps_the_choice_in_its_address(
    browser: Browser, web: WebService, suite: str
) -> None:
    with watched_page(browser) as page:
        opened(page, web, suite)
        assert axes(page, "[data-map-plot]") == ["lr", "log", "damping", "log"]
        page.get_by_label("Across").select_option("damping")
        expect(page.get_by_label("Up")).to_have_value("lr")
        page.get_by_label("Up").select_option(label="final loss")
        label = re.compile("kbfgs, final loss over damping")
        expect(page.locator("[data-map-plot]")).to_have_attribute("aria-label", label)
        assert axes(page, "[data-map-plot]") == ["damping", "log", "final loss", "log"]
        page.locator("[data-tuning]").get_by_label("Problem").select_option("tiny-classes")
        page.locator("[data-tuning]").get_by_label("Contender").select_option("adam")
        expect(page.get_by_label("Across")).to_have_value("lr")
        expect(page.locator("[data-map-caption]")).to_contain_text("of the space (")
        for word in ("map=adam", "mapx=damping", "problem=tiny-classes"):
            assert word in page.url
        with page.expect_download() as download:
            page.get_by_label("Save the map").get_by_text("CSV").click()
        header, *rows = Path(download.value.path()).read_text().splitlines()
        assert (header, len(rows)) == ("lr,final_loss,runs,stopped_early", 4)
        page.reload()
        expect(page.get_by_label("Across")).to_be_disabled()
        expect(page.locator("[data-curves] [data-problem-choice]")).to_have_value("tiny-classes")


def test_the_map_counts_what_it_cannot_show_and_crosses_out_what_diverged(
    browser: Browser, web: WebService
) -> None:
    lines = {
        "lr": {"log": [0.01, 1]},
        "schedule": {"values": ["constant", "cosine"]},
        "final_lr_fraction": {"linear": [0.1, 0.5], "when": {"schedule": ["cosine"]}},
    }
    identifier = web.submit(
        contenders=[{"optimizer": "adam", "space": lines}], tuning={"trials": 4}
    )
    study = web.next_study()
    assert study is not None
    *ran, last = study.assignment.trials
    for trial in ran:
        study.run(trial)
    study.diverge(last)
    study.end()
    with watched_page(browser) as page:
        opened(page, web, f"{web.url}/comparisons/{identifier}")
        caption = page.locator("[data-map-caption]")
        expect(caption).to_contain_text("2 of 4 points have no final_lr_fraction and are not shown")
        page.get_by_label("Up").select_option(label="final loss")
        expect(caption).to_contain_text("4 points, 1 diverged or failed (crosses)")
        expect(caption).not_to_contain_text("not shown")
        expect(page.locator("[data-map-plot]")).to_have_attribute("aria-label", re.compile("loss"))
        expect(page.locator("[data-map-plot] .xy2 .point")).to_have_count(1)


def test_before_anything_ran_there_are_words(browser: Browser, web: WebService) -> None:
    identifier = web.submit(problems=SUITE)
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.goto(f"{web.url}/comparisons/{identifier}")
        expect(page.locator("[data-map-words]")).to_contain_text(
            "No tuning trial of this contender"
        )
        expect(page.locator("[data-profiles-words]")).to_contain_text("The profiles begin when")
        expect(page.locator("[data-part=profiles]")).to_contain_text("no run yet of")


def test_the_page_knows_what_points_came_to_as_the_service_does(
    browser: Browser, web: WebService, suite: str
) -> None:
    draw = random.Random(3)
    ends = [
        (TrialState.FINISHED, None), (TrialState.STOPPED, None), (TrialState.DIVERGED, None),
        (TrialState.CANCELLED, None), (TrialState.RUNNING, None),
        (TrialState.FAILED, FailureKind.OUT_OF_MEMORY),
        (TrialState.FAILED, FailureKind.LOST_WORKER),
    ]  # fmt: skip
    trials = [
        a_trial(
            "adam",
            [9.0, draw.choice([1.0, 2.0, 3.0])],
            number=number,
            kind=StudyKind.TUNING,
            point={"lr": float(number % 12), "eps": 1.0},
            state=state,
            failure=failure,
        )
        for number, (state, failure) in enumerate(draw.choices(ends, k=60))
    ]
    expected = [
        [tried.point, None if tried.loss == float("inf") else tried.loss, tried.stopped]
        for tried in tried_points(trials, Metric.TRAIN_LOSS)
    ]
    rows = [
        {
            "point": trial.point,
            "state": trial.state,
            "failure": trial.failure,
            "final_loss": trial.points[-1].train_loss,
        }
        for trial in trials
    ]
    source = """async (trials) => {
        const url = document.querySelector("script[type=module]").src;
        const { triedPoints } = await import(new URL("tried.js", url).href);
        return triedPoints(trials).map((one) =>
            [one.point, Number.isFinite(one.loss) ? one.loss : null, one.stopped]);
    }"""
    with watched_page(browser) as page:
        page.goto(web.login_link())
        assert page.evaluate(source, rows) == expected
