"""A reader watches a comparison run: the curve grows, then the verdict stands there."""

import time

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.chromium import watched_page
from tests.support.web_service import PlayedDriver, WebService

pytestmark = pytest.mark.browser

POINTS_DRAWN = """() => {
    const plot = document.querySelector("[data-plot]");
    const lines = [...plot.querySelectorAll(".scatterlayer path.js-line")];
    return lines.length ? plot.data.reduce((sum, trace) => sum + trace.x.length, 0) : 0;
}"""


def wait_for_points(page: Page, more_than: int) -> int:
    """Wait until the plot holds more points than that; how many it holds.

    Asked from outside: the page's policy forbids the waiting that evaluates a text in the page.
    """
    deadline = time.monotonic() + 20
    while (drawn := int(page.evaluate(POINTS_DRAWN))) <= more_than:
        assert time.monotonic() < deadline, f"the plot still holds {drawn} points"
        page.wait_for_timeout(100)
    return drawn


def open_comparison(page: Page, web: WebService, name: str) -> None:
    """From the login link over the list to the comparison's page."""
    page.goto(web.login_link())
    page.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def drive(study: PlayedDriver | None) -> None:
    """Play a study from its beginning to its end."""
    assert study is not None, "no study is queued"
    for trial in study.assignment.trials:
        study.run(trial)
    study.end()


def test_the_curve_grows_and_the_verdict_appears_without_a_reload(
    browser: Browser, web: WebService
) -> None:
    identifier = web.submit()
    with watched_page(browser) as page:
        open_comparison(page, web, "two against each other")
        page.evaluate("window.loadedOnce = true")
        expect(page.get_by_role("heading", name="No verdict yet")).to_be_visible()
        expect(page.get_by_text("No points yet")).to_be_visible()

        study = web.next_study()
        assert study is not None
        first, second = study.assignment.trials
        study.begin(first)
        study.reach(first, 0)
        study.reach(first, 1)
        drawn = wait_for_points(page, more_than=1)
        study.reach(first, 2)
        drawn = wait_for_points(page, more_than=drawn)
        study.reach(first, 3)
        wait_for_points(page, more_than=drawn)
        study.finish(first)
        study.run(second)
        study.end()

        drive(web.next_study())
        expect(page.locator("[data-part=verdict]")).to_contain_text("inals")
        drive(web.next_study())
        verdict = page.locator("[data-sentence]")
        expect(verdict).to_be_visible()
        expect(verdict).to_have_text(web.service.reports.report(identifier).problems[0].sentence)
        expect(page.locator("[data-part=head] .chip")).to_have_text("finished")
        expect(page.locator("[data-announcement]")).to_contain_text("Verdict: ")
        expect(page.locator("[data-trials-count]")).to_have_text("16 trials")
        expect(page.locator("[data-legend]")).to_contain_text("n = 6")
        assert page.evaluate("window.loadedOnce") is True


def test_the_list_follows_without_a_reload(browser: Browser, web: WebService) -> None:
    with watched_page(browser) as page:
        page.goto(web.login_link())
        expect(page.get_by_text("No comparisons yet")).to_be_visible()
        web.submit(name="<b>a later one</b>")
        expect(page.get_by_role("link", name="<b>a later one</b>")).to_be_visible()
        expect(page.locator("[data-updated]")).to_contain_text("updated")


def test_the_cancel_button_cannot_be_pressed_before_its_script_is_there(
    browser: Browser, web: WebService
) -> None:
    web.submit()
    held: list[Route] = []
    with watched_page(browser) as page:
        page.route("**/cancel.js", lambda route: held.append(route))
        with page.expect_request("**/cancel.js"):
            open_comparison(page, web, "two against each other")
        button = page.get_by_role("button", name="Cancel…")
        expect(button).to_be_disabled()
        with page.expect_response("**/cancel.js"):
            held.pop().continue_()
        button.click()
        expect(page.get_by_role("button", name="Let it run")).to_be_visible()


def test_a_contender_and_the_whole_are_paused_resumed_and_extended(
    browser: Browser, web: WebService
) -> None:
    identifier = web.submit()
    with watched_page(browser) as page:
        open_comparison(page, web, "two against each other")
        chip = page.locator("[data-part=head] .chip")
        page.get_by_role("button", name="Pause adam").click()
        expect(page.get_by_role("button", name="Resume adam")).to_be_visible()
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(chip).to_have_text("paused")
        page.get_by_role("button", name="Resume", exact=True).click()
        expect(chip).to_have_text("queued")
        expect(page.get_by_role("button", name="Pause adam")).to_be_visible()
        page.get_by_role("button", name="Extend…").click()
        page.get_by_label("Seeds of the finals").fill("11")
        page.get_by_role("button", name="Extend the comparison").click()
        expect(page.get_by_text("11 seeds")).to_be_visible()
    assert web.service.comparisons.get(identifier).spec.seeds == 11


def test_the_cancel_button_asks_and_then_cancels(browser: Browser, web: WebService) -> None:
    identifier = web.submit()
    with watched_page(browser) as page:
        open_comparison(page, web, "two against each other")
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Let it run").click()
        assert web.service.comparisons.get(identifier).state == "queued"
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Cancel the comparison").click()
        expect(page.locator("[data-part=head] .chip")).to_have_text("cancelled")
        expect(page.get_by_role("button", name="Cancel…")).to_be_hidden()
    assert web.service.comparisons.get(identifier).state == "cancelled"


def test_a_contender_and_a_trial_are_cancelled_once_that_was_asked(
    browser: Browser, web: WebService
) -> None:
    identifier = web.submit()
    with watched_page(browser) as page:
        open_comparison(page, web, "two against each other")
        page.get_by_role("button", name="Pause trial 0").click()
        expect(page.get_by_role("button", name="Resume trial 0")).to_be_visible()
        page.get_by_role("button", name="Cancel trial 0").click()
        expect(page.get_by_role("heading", name="Cancel trial 0?")).to_be_visible()
        page.get_by_role("button", name="Cancel the trial").click()
        expect(page.get_by_role("button", name="Cancel trial 0")).to_have_count(0)
        page.get_by_role("button", name="Cancel adam").click()
        page.get_by_role("button", name="Cancel the contender").click()
        expect(page.get_by_role("button", name="Cancel adam")).to_have_count(0)
    view = web.service.comparisons.get(identifier)
    assert [entry.name for entry in view.contenders if entry.cancelled] == ["adam"]
    assert web.service.trials.of(identifier)[0].state == "cancelled"
