"""A reader opens the log, which grows, and looks at the cluster."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from service.contracts.logs import LogBatch, LogChunk
from service.domain.records import Capacity, Node
from tests.support.chromium import watched_page
from tests.support.web_service import PlayedDriver, WebService

pytestmark = pytest.mark.browser


def say(web: WebService, study: PlayedDriver, number: int, text: str, trial: str | None) -> None:
    """The driver sends something that was printed."""
    chunk = LogChunk(number=number, trial_id=trial, at=datetime.now(UTC), text=text)
    batch = LogBatch(attempt=study.assignment.attempt, chunks=(chunk,))
    web.service.logs.record(study.assignment.study_id, batch)


def test_the_log_is_opened_grows_and_is_narrowed_to_a_trial(
    browser: Browser, web: WebService
) -> None:
    identifier = web.submit()
    study = web.next_study()
    assert study is not None
    first, second = (trial.trial_id for trial in study.assignment.trials)
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.goto(f"{web.url}/comparisons/{identifier}")
        log = page.get_by_role("group", name="Log", exact=True)
        expect(log).to_be_hidden()
        page.get_by_role("button", name="Show the log").click()
        expect(log).to_contain_text("Nothing has been printed yet")
        say(web, study, 0, "from the <first>\n", first)
        expect(log).to_contain_text(f"==> {first}, attempt 1 <==\nfrom the <first>", timeout=10_000)
        say(web, study, 1, "from the second\n", second)
        expect(log).to_contain_text("from the second", timeout=10_000)
        page.get_by_placeholder("a trial's id").fill(second)
        page.get_by_placeholder("a trial's id").press("Enter")
        expect(log).not_to_contain_text("from the <first>")
        expect(log).to_contain_text("from the second")
        page.get_by_role("button", name="Hide the log").click()
        expect(log).to_be_hidden()


def test_the_cluster_page_follows_what_the_dispatcher_sees(
    browser: Browser, web: WebService
) -> None:
    web.submit()
    with watched_page(browser) as page:
        page.goto(web.login_link())
        page.get_by_role("link", name="Cluster").click()
        expect(page.get_by_text("no dispatcher has looked at it yet")).to_be_visible()
        expect(page.get_by_text("No study is running.")).to_be_visible()
        machine = Node(8, 1, id="abc", name="10.0.0.7", free_cpus=6.5, free_gpus=1)
        seen = Capacity(at=datetime.now(UTC), reachable=True, nodes=(machine,))
        web.service.queue.note_capacity(seen)
        web.next_study()
        expect(page.get_by_role("row", name="10.0.0.7 6.5 of 8 1 of 1")).to_be_visible(
            timeout=10_000
        )
        expect(page.get_by_text("submitted")).to_be_visible()
