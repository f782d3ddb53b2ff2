"""Parallel coordinates of a search: every point a line, narrowed along the axes."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from service.contracts.plan import TrialAssignment
from tests.support.chromium import watched_page
from tests.support.web_service import WebService

pytestmark = pytest.mark.browser

LINES = {
    "lr": {"log": [0.01, 1]},
    "schedule": {"values": ["constant", "cosine"]},
    "final_lr_fraction": {"linear": [0.1, 0.5], "when": {"schedule": ["cosine"]}},
}
"""A number on a log axis, words, and a setting that some points lack."""


def searched(
    web: WebService, *contenders: dict[str, object], trials: int
) -> tuple[str, list[TrialAssignment]]:
    """The address of a comparison after one search, whose last trial diverged; its trials."""
    identifier = web.submit(contenders=list(contenders), tuning={"trials": trials})
    study = web.next_study()
    assert study is not None
    *ran, last = study.assignment.trials
    for trial in ran or [last]:
        study.run(trial)
    if ran:
        study.diverge(last)
    study.end()
    return f"{web.url}/comparisons/{identifier}", list(study.assignment.trials)


def lines(page: Page, which: str = "") -> Locator:
    return page.locator(f"[data-parallel] [data-strands] path{which}")


def test_each_point_is_a_line_and_the_axes_narrow_what_is_shown(
    browser: Browser, web: WebService
) -> None:
    address, trials = searched(web, {"optimizer": "adam", "space": LINES}, trials=8)
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.goto(address)
        caption = page.locator("[data-parallel-caption]")
        expect(caption).to_contain_text("8 points, 1 diverged or failed (dashed)")
        expect(lines(page)).to_have_count(8)
        expect(lines(page, "[stroke-dasharray]")).to_have_count(1)
        upper = page.get_by_role("slider", name="lr, at most")
        for _ in range(10):
            upper.press("ArrowDown")
        expect(upper).to_have_attribute("aria-valuetext", "0.1")
        low = [trial for trial in trials if trial.settings["lr"] <= 0.1]
        expect(caption).to_contain_text(f"{len(low)} of 8 points")
        expect(lines(page, "[data-inside=true]")).to_have_count(len(low))
        for _ in range(10):
            upper.press("ArrowUp")
        expect(caption).to_contain_text("8 points,")
        words = page.get_by_role("slider", name="schedule, at least")
        words.press("ArrowUp")
        expect(words).to_have_attribute("aria-valuetext", "cosine")
        words.press("Escape")
        expect(lines(page, "[data-inside=true]")).to_have_count(8)
        cosine = page.locator("[data-parallel] rect[data-axis='1']")
        cosine.scroll_into_view_if_needed()
        box = cosine.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2, steps=3)
        page.mouse.up()
        chosen = [trial for trial in trials if trial.settings["schedule"] == "cosine"]
        expect(caption).to_contain_text(f"{len(chosen)} of 8 points")
        with page.expect_download() as download:
            page.locator("[data-parallel] [data-save=csv]").click()
        header, *rows = Path(download.value.path()).read_text().splitlines()
        assert header.startswith("final_lr_fraction,lr,schedule,final_loss")
        assert len(rows) == len(chosen)
        with page.expect_download() as download:
            page.locator("[data-parallel] [data-save=png]").click()
        assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
        with page.expect_download() as download:
            page.locator("[data-parallel] [data-save=svg]").click()
        first = Path(download.value.path()).read_text().split("<", 2)[2]
        assert first.startswith("rect")
        assert "rgba(0, 0, 0, 0)" not in first.split(">")[0]
        page.get_by_role("button", name="Show all points").click()
        expect(caption).to_contain_text("8 points,")
        expect(page.get_by_role("slider", name="lr, at least")).to_be_focused()


def test_a_search_of_one_point_and_one_of_nothing_say_so(browser: Browser, web: WebService) -> None:
    fixed = {"optimizer": "adam", "name": "fixed", "space": {}}
    lone = {"optimizer": "adam", "name": "lone", "space": {"lr": {"log": [0.01, 1]}}}
    address, _ = searched(web, lone, fixed, trials=1)
    with watched_page(browser, theme="dark") as page:
        page.goto(web.login_link())
        page.goto(address)
        expect(page.locator("[data-parallel-caption]")).to_contain_text(
            "1 point. The thick line is the chosen point. One line alone shows no pattern."
        )
        page.locator("[data-tuning]").get_by_label("Contender").select_option("fixed")
        words = page.locator("[data-parallel-words]")
        expect(words).to_have_text("This contender searches no setting.")
        expect(page.locator("[data-parallel] svg")).to_be_hidden()
