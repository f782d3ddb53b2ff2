"""A reader sorts the list, clones and deletes what has ended, and holds it against another."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.support.chromium import watched_page
from tests.support.web_service import WebService

pytestmark = pytest.mark.browser


def test_what_has_ended_is_cloned_and_deleted_once_that_was_asked(
    browser: Browser, web: WebService
) -> None:
    identifier = web.submit(tags=["nightly"], priority=5)
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.get_by_role("link", name="nightly").click()
        expect(page.get_by_label("Tag")).to_have_value("nightly")
        page.get_by_role("link", name="two against each other").click()
        expect(page.get_by_text("Priority", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Delete…")).to_be_hidden()
        page.get_by_role("button", name="Cancel…").click()
        page.get_by_role("button", name="Cancel the comparison").click()
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Keep it").click()
        page.get_by_role("button", name="Clone").click()
        expect(page.locator("[data-part=head] .chip")).to_have_text("queued")
        clone = page.url.rsplit("/", 1)[1]
        page.go_back()
        page.get_by_role("button", name="Delete…").click()
        page.get_by_role("button", name="Delete the comparison").click()
        expect(page).to_have_url(re.compile("/$"))
    left = web.service.comparisons.page().items
    assert [view.id for view in left] == [clone]
    assert clone != identifier
    assert left[0].tags == ("nightly",)


def test_the_list_is_sorted_by_the_keyboard_and_stays_so_while_it_lives(
    browser: Browser, web: WebService
) -> None:
    for name in ("beta", "alpha"):
        web.submit(name=name)
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.get_by_role("link", name="Comparison", exact=True).focus()
        page.keyboard.press("Enter")
        heads = page.get_by_role("columnheader", name="Comparison")
        expect(heads).to_have_attribute("aria-sort", "ascending")
        expect(page.get_by_label("Order")).to_have_value("name")
        web.submit(name="alphabet")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # somebody looks
        names = page.locator("tbody th > a")
        expect(names).to_have_text(["alpha", "alphabet", "beta"])
        page.get_by_label("Order").select_option(label="newest first")
        expect(page).to_have_url(re.compile("sort=-created_at"))
        expect(names).to_have_text(["alphabet", "alpha", "beta"])


def test_a_comparison_is_held_against_an_earlier_one(browser: Browser, web: WebService) -> None:
    earlier, later = web.submit(name="then"), web.submit(name="today", seeds=7)
    with watched_page(browser, theme="dark") as page:
        page.goto(web.login_link())
        page.goto(f"{web.url}/comparisons/{later}")
        page.get_by_label("Earlier comparison").fill(earlier)
        page.get_by_role("button", name="Did it hold?").click()
        expect(page).to_have_url(f"{web.url}/compare?then={earlier}&now={later}")
        expect(
            page.get_by_text("cannot be compared: the earlier report is interim")
        ).to_be_visible()
        expect(page.get_by_role("row", name="seeds 6 7")).to_be_visible()
        page.get_by_role("link", name="The other way round").click()
        expect(page.get_by_role("row", name="seeds 7 6")).to_be_visible()
