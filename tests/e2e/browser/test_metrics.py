"""Which metric the curves show: those alone that were measured, the deciding one at first."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import watched_page
from tests.support.web_service import WebService, web_service

pytestmark = pytest.mark.browser

DRAWN = """() => {
    const plot = document.querySelector("[data-plot]");
    const { yaxis, shapes } = plot._fullLayout;
    return [yaxis.title.text, yaxis.type, shapes.length, plot.data.at(-1).y.at(-1)];
}"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebService]:
    """One service for all tests here: they only look at it."""
    with web_service(tmp_path_factory.mktemp("measured") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def both(web: WebService) -> str:
    """A finished comparison on a problem without classes and on one with them."""
    identifier = web.submit(problems=["mnist-5k-autoencoder", "tiny-classes"])
    while study := web.next_study():
        for trial in study.assignment.trials:
            study.run(trial)
        study.end()
    return f"/comparisons/{identifier}"


def open_drawn(page: Page, web: WebService, path: str) -> None:
    page.goto(web.login_link())
    page.goto(web.url + path)
    expect(page.locator("[data-plot-caption]")).to_contain_text("point")


def buttons(page: Page, choice: str) -> list[str]:
    """The buttons of a choice that can be seen; the pressed one in brackets."""
    found = page.locator(f"[data-choice={choice}] button:visible").all()
    return [
        f"[{one.inner_text()}]" if one.get_attribute("aria-pressed") == "true" else one.inner_text()
        for one in found
    ]


def test_a_problem_without_classes_has_its_two_losses_alone(
    browser: Browser, web: WebService, both: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, both)
        assert buttons(page, "split") == ["[training]", "test"]
        assert buttons(page, "measure") == []
        assert page.evaluate(DRAWN)[:3] == ["training loss", "log", 1]


def test_the_deciding_loss_is_drawn_first_and_another_metric_by_choice(
    browser: Browser, web: WebService, both: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, f"{both}?problem=tiny-classes")
        assert buttons(page, "split") == ["training", "[validation]", "test"]
        assert page.evaluate(DRAWN)[:3] == ["validation loss", "log", 1]
        page.get_by_role("button", name="accuracy").click()
        page.get_by_role("button", name="test", exact=True).click()
        expect(page.locator("[data-plot]")).to_have_attribute(
            "aria-label", re.compile("test accuracy of 12 final runs")
        )
        title, scale, targets, accuracy = page.evaluate(DRAWN)
        assert (title, scale, targets) == ("test accuracy", "linear", 0)
        assert 0 < accuracy < 1
        expect(page.get_by_label("log loss")).to_be_disabled()
        for word in ("split=test", "measure=accuracy"):
            assert word in page.url
        page.reload()
        expect(page.locator("[data-plot-caption]")).to_contain_text("point")
        assert page.evaluate(DRAWN) == [title, scale, targets, accuracy]


def test_a_metric_that_was_not_measured_gives_way(
    browser: Browser, web: WebService, both: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, f"{both}?split=test&measure=accuracy")
        assert page.evaluate(DRAWN)[0] == "test loss"
        open_drawn(page, web, f"{both}?split=validation&measure=accuracy")
        assert page.evaluate(DRAWN)[0] == "training loss"


def test_the_report_has_a_column_for_everything_measured(
    browser: Browser, web: WebService, both: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, both)
        tables = page.locator("table.report").all()
        headings = [" ".join(table.locator("thead").inner_text().split()) for table in tables]
        assert "Final training loss Time to target Epochs to target Test loss Runs" in headings[0]
        assert "Epochs to target Training loss Test loss Training accuracy, %" in headings[1]
        row = tables[1].locator("tbody tr").first
        assert re.fullmatch(
            r"\d\d\.\d\d\s+\d\d\.\d\d–\d\d\.\d\d", row.locator("td").nth(6).inner_text()
        )
