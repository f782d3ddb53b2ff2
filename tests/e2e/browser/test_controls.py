"""What a reader can choose, sort, hide and save on a comparison's page."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import watched_page
from tests.support.web_service import WebService, web_service

pytestmark = pytest.mark.browser

AXES = """() => {
    const { xaxis, yaxis } = document.querySelector("[data-plot]")._fullLayout;
    return [xaxis.type, xaxis.title.text, yaxis.type, yaxis.title.text];
}"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebService]:
    """One service for all tests here: they only look at it."""
    with web_service(tmp_path_factory.mktemp("looked-at") / "home") as started:
        yield started


@pytest.fixture(scope="module")
def finished(web: WebService) -> str:
    """The path of a finished comparison's page."""
    identifier = web.submit()
    while study := web.next_study():
        for trial in study.assignment.trials:
            study.run(trial)
        study.end()
    assert web.service.comparisons.get(identifier).state == "finished"
    return f"/comparisons/{identifier}"


def open_drawn(page: Page, web: WebService, path: str) -> None:
    """Log in and open the page; its curves are drawn."""
    page.goto(web.login_link())
    page.goto(web.url + path)
    expect(page.locator("[data-plot-caption]")).to_contain_text("point")


def saved(page: Page, button: str) -> bytes:
    """The file that a button of that name saves."""
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path()).read_bytes()


def rows_of(file: bytes) -> list[dict[str, str]]:
    """A CSV file's rows."""
    return list(csv.DictReader(io.StringIO(file.decode(), newline="")))


def test_the_axes_that_were_chosen_stand_in_the_address_and_outlive_a_reload(
    browser: Browser, web: WebService, finished: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        assert page.evaluate(AXES) == ["linear", "epoch", "log", "training loss"]
        page.get_by_role("button", name="training seconds").click()
        page.get_by_role("button", name="test", exact=True).click()
        page.get_by_label("log x").check()
        page.get_by_label("log loss").uncheck()
        for word in ("x=seconds", "split=test", "xlog=1", "ylog=0"):
            assert word in page.url
        page.reload()
        expect(page.locator("[data-plot-caption]")).to_contain_text("point")
        assert page.evaluate(AXES) == ["log", "training seconds", "linear", "test loss"]


def test_the_curves_are_saved_as_they_are_drawn(
    browser: Browser, web: WebService, finished: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        rows = rows_of(saved(page, "[data-curves] [data-save=csv]"))
        assert len(rows) == 2 * 4, "two contenders, epochs 0 to 3"
        assert {row["runs"] for row in rows} == {"6"}
        page.get_by_role("button", name="adam n = 6").click()
        expect(page.get_by_role("button", name="adam n = 6")).to_have_attribute(
            "aria-pressed", "false"
        )
        page.wait_for_timeout(600)
        hidden = rows_of(saved(page, "[data-curves] [data-save=csv]"))
        assert {row["contender"] for row in hidden} == {"kbfgs"}
        assert b"<svg" in saved(page, "[data-curves] [data-save=svg]")
        assert saved(page, "[data-curves] [data-save=png]").startswith(b"\x89PNG")


def test_pointing_at_a_run_and_zooming_keep_to_the_policy(
    browser: Browser, web: WebService, finished: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, finished + "?runs=tuning")
        page.locator("[data-plot]").scroll_into_view_if_needed()
        page.get_by_role("button", name="finals").click()
        page.locator(".scatterlayer .points path").nth(1).hover(force=True)
        expect(page.locator("[data-plot] .hovertext")).to_contain_text("over 6 seeds")
        frame = page.locator("[data-plot]").bounding_box()
        assert frame is not None
        before = page.evaluate("document.querySelector('[data-plot]')._fullLayout.xaxis.range")
        page.mouse.move(frame["x"] + 200, frame["y"] + 100)
        page.mouse.down()
        page.mouse.move(frame["x"] + 500, frame["y"] + 250, steps=4)
        page.mouse.up()
        page.wait_for_timeout(300)
        after = page.evaluate("document.querySelector('[data-plot]')._fullLayout.xaxis.range")
        assert before[0] < after[0] < after[1] < before[1]


def test_the_median_and_the_band_are_those_of_the_runs(
    browser: Browser, web: WebService, finished: str
) -> None:
    identifier = finished.rsplit("/", 1)[1]
    series = [s for s in web.service.trials.series(identifier) if s.kind == "finals"]
    losses = sorted(s.train_loss[-1] or 0.0 for s in series if s.contender == "kbfgs")
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        rows = rows_of(saved(page, "[data-curves] [data-save=csv]"))
    last = next(row for row in rows if row["contender"] == "kbfgs" and row["epoch"] == "3")
    assert float(last["median_train_loss"]) == pytest.approx((losses[2] + losses[3]) / 2)
    assert float(last["lowest"]) == pytest.approx(losses[0])
    assert float(last["highest"]) == pytest.approx(losses[-1])


def test_a_run_that_diverged_counts_as_the_worst_in_the_median(
    browser: Browser, web: WebService, finished: str
) -> None:
    source = """async () => {
        const url = document.querySelector("script[type=module]").src;
        const { overSeeds } = await import(new URL("statistics.js", url).href);
        const run = (losses, state) => ({
            state, epoch: losses.map((_, i) => i), training_seconds: losses.map((_, i) => 2 * i),
            train_loss: losses, test_loss: losses,
        });
        const runs = [
            run([9, 5, 3], "finished"), run([9, null], "diverged"), run([9, 4, 2], "finished"),
        ];
        return overSeeds(runs, { x: "training_seconds", metric: "train_loss" });
    }"""
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        curve = page.evaluate(source)
    assert [at["middle"] for at in curve] == [9, 5, 3]
    assert [at["runs"] for at in curve] == [3, 3, 3]
    assert [(at["low"], at["high"]) for at in curve] == [(9, 9), (4, 5), (2, 3)]


def test_trials_are_sorted_filtered_and_saved_as_shown(
    browser: Browser, web: WebService, finished: str
) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        page.get_by_label("Kind").select_option("finals")
        page.locator("[data-filter=contender]").select_option("adam")
        expect(page.locator("[data-trials-count]")).to_have_text("6 of 16 trials")
        page.get_by_role("button", name="Final loss").click()
        page.get_by_role("button", name="Final loss").click()
        header = page.locator("[data-trials-head] th[aria-sort=descending]")
        expect(header).to_have_text("Final loss")
        rows = rows_of(saved(page, "[data-trials-csv]"))
        losses = [float(row["final_loss"]) for row in rows]
        assert len(losses) == 6
        assert losses == sorted(losses, reverse=True)
        assert {row["contender"] for row in rows} == {"adam"}


def test_the_page_works_from_the_keyboard(browser: Browser, web: WebService, finished: str) -> None:
    with watched_page(browser) as page:
        open_drawn(page, web, finished)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_role("button", name="tuning trials").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-plot-caption]")).to_contain_text("4 tuning trials")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (400, "dark")])
def test_no_page_is_wider_than_the_screen(
    browser: Browser, web: WebService, finished: str, width: int, theme: str
) -> None:
    with watched_page(browser, width=width, theme=theme) as page:
        open_drawn(page, web, finished)
        for path in ("/", finished):
            page.goto(web.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_theme_that_was_chosen_is_there_on_the_next_page(
    browser: Browser, web: WebService
) -> None:
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.get_by_role("button", name="dark").click()
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.reload()
        expect(page.get_by_role("button", name="dark")).to_have_attribute("aria-pressed", "true")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
        page.get_by_role("button", name="light").click()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
