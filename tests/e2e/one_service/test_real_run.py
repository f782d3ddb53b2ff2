"""Chromium watches a comparison that really runs, on Ray: the curve grows, the verdict appears."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import watched_page
from tests.support.running_service import RunningService, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.browser, pytest.mark.timeout(600)]

NAME = "watched while it runs"
SPEC = {
    "name": NAME,
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "sgd"}],
    "budget": {"epochs": 6},
    "tuning": {"trials": 1},
    "seeds": 1,
}
POINTS_DRAWN = """() => {
    const plot = document.querySelector("[data-plot]");
    return (plot.data ?? []).reduce((sum, trace) => sum + trace.x.length, 0);
}"""


def points_drawn(page: Page) -> int:
    page.wait_for_timeout(100)  # lets the page's own events run
    return int(page.evaluate(POINTS_DRAWN))


def test_a_curve_grows_and_the_verdict_appears_while_ray_trains(
    service: RunningService, browser: Browser
) -> None:
    with watched_page(browser) as page:
        with service.client() as client:
            comparison = client.submit(SPEC)
        follow(page, service, comparison.id)
        with service.client() as client:
            sentence = client.report(comparison.id).problems[0].sentence
        expect(page.locator("[data-sentence]")).to_have_text(sentence)


def follow(page: Page, service: RunningService, comparison_id: str) -> None:
    """Open the page by the printed link and stay on it until the comparison has finished."""
    page.goto(service.login_link)
    page.get_by_role("link", name=NAME).click()
    page.evaluate("window.loadedOnce = true")
    seen = [wait_for(lambda: points_drawn(page), 120, "the first points")]
    while page.locator("[data-part=head] .chip").inner_text() != "finished":
        seen.append(points_drawn(page))
        assert len(seen) < 3000, f"{comparison_id} does not finish"
    assert len(set(seen)) >= 4, f"the curve did not grow step by step: {sorted(set(seen))}"
    expect(page.locator("[data-sentence]")).to_be_visible()
    assert page.evaluate("window.loadedOnce") is True
