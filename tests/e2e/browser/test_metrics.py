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


def evaluate(browser: Browser, web: WebService, module: str, source: str) -> object:
    """What a function makes of one of the pages' modules."""
    load = f'const module = await import(new URL("{module}", url).href);'
    with watched_page(browser) as page:
        page.goto(web.login_link())
        return page.evaluate(
            'async () => { const url = document.querySelector("script[type=module]").src; '
            f"{load} {source} }}"
        )


def test_a_metric_that_was_not_measured_gives_way(browser: Browser, web: WebService) -> None:
    source = """
        const present = ["train_loss", "test_loss", "test_accuracy"];
        const chosen = (split, measure) => module.chosen({ split, measure }, present, "train_loss");
        return [chosen("", "loss"), chosen("test", "accuracy"), chosen("train", "accuracy"),
            chosen("validation", "loss"), chosen("validation", "accuracy")];"""
    found = evaluate(browser, web, "metrics.js", source)
    assert found == ["train_loss", "test_accuracy", "train_loss", "train_loss", "train_loss"]


def test_a_run_that_diverged_has_the_lowest_accuracy_in_the_median(
    browser: Browser, web: WebService
) -> None:
    source = """
        const run = (shares, losses, state) => ({
            state, epoch: losses.map((_, i) => i), training_seconds: losses,
            train_loss: losses, test_accuracy: shares,
        });
        const runs = [
            run([0.1, 0.5, 0.8], [9, 5, 3], "finished"), run([0.1], [9, null], "diverged"),
            run([0.1, 0.6, 0.9], [9, 4, 2], "finished"),
        ];
        const axes = { x: "training_seconds", metric: "test_accuracy" };
        return module.overSeeds(runs, axes).map((at) => [at.middle, at.low, at.high, at.runs]);"""
    found = evaluate(browser, web, "statistics.js", source)
    assert found == [[0.1, 0.1, 0.1, 3], [0.5, 0.5, 0.6, 3], [0.8, 0.8, 0.9, 3]]


def test_the_thick_line_is_the_trial_that_the_deciding_loss_chooses(
    browser: Browser, web: WebService
) -> None:
    source = """
        const run = (train, validation) => ({
            contender: "adam", trial_id: "t", state: "finished", epoch: [0],
            train_loss: [train], validation_loss: [validation],
        });
        const contenders = [{ name: "adam", colour: "#0072B2" }];
        const choices = {
            x: "epoch", metric: "train_loss", deciding: "validation_loss", runs: "tuning",
        };
        const runs = [run(1, 5), run(3, 4)];
        return module.traces(runs, contenders, choices, new Map()).traces.map((t) => t.line.width);
    """
    thin, thick = evaluate(browser, web, "traces.js", source)
    assert thin < thick
