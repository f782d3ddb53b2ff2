"""The pages' HTML, against a service that shows made-up comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any, cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.dashboard import pages
from api.dashboard.assets import assets, mount_static
from api.dashboard.reader import Reader, reader
from api.deps import viewer
from api.limits import Limits
from service.bootstrap import Service
from service.contracts.agreement import ReportAgreement, TwoReports
from service.contracts.catalogue import Catalogue, built_in
from service.contracts.report import Report
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonPage, ComparisonView, StudyView
from service.domain.comparison_rows import EVERY, Wanted
from service.domain.errors import Unauthenticated
from service.domain.ordering import Order, arranged
from service.domain.scoring.agreement import agreement
from service.settings import Settings
from tests.support.control_plane import PERSON
from tests.support.example_comparison import Example, example, lookup


@dataclass
class ShownComparisons:
    """Comparisons in pages, the cursor being the position in their order."""

    examples: Sequence[Example]

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        wanted: Wanted = EVERY,
        order: Order = (),
    ) -> ComparisonPage:
        every = arranged((one.view for one in self.examples), order)
        states = wanted.states or tuple(ComparisonState)
        views = [one for one in every if one.state in states if {*wanted.tags} <= {*one.tags}]
        start = int(cursor or 0)
        end = start + limit
        following = str(end) if end < len(views) else None
        return ComparisonPage(items=tuple(views[start:end]), next_cursor=following)

    def get(self, comparison_id: str) -> ComparisonView:
        return lookup(self.examples, comparison_id).view

    def studies(self, comparison_id: str) -> tuple[StudyView, ...]:
        return lookup(self.examples, comparison_id).studies


@dataclass
class ShownReports:
    """The reports of the same comparisons."""

    examples: Sequence[Example]

    def report(self, comparison_id: str) -> Report:
        return lookup(self.examples, comparison_id).report

    def agreement(self, two: TwoReports) -> ReportAgreement:
        return agreement(two.then, two.now)


@dataclass
class ShownService:
    """What the pages ask of a service."""

    comparisons: ShownComparisons
    reports: ShownReports
    catalogue: Catalogue = field(default_factory=built_in)


def browser(*examples: Example, may_submit: bool = True) -> TestClient:
    """A client of the pages alone."""
    service = ShownService(ShownComparisons(examples), ShownReports(examples))
    app = FastAPI()
    app.include_router(pages.router())
    mount_static(app)
    app.dependency_overrides[reader] = lambda: Reader(
        service=cast("Service", service), csrf="the-token", may_submit=may_submit
    )
    app.dependency_overrides[viewer] = lambda: PERSON
    app.state.limits = Limits.of(Settings())
    return TestClient(app)


class Elements(HTMLParser):
    """Every start tag of a document with its attributes, and what is wrong with the nesting."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "circle", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


EVERY_STATE = [
    (ComparisonState.QUEUED, 0.0),
    (ComparisonState.RUNNING, 0.3),
    (ComparisonState.RUNNING, 0.8),
    (ComparisonState.CANCELLING, 0.5),
    (ComparisonState.CANCELLED, 0.5),
    (ComparisonState.FAILED, 0.2),
    (ComparisonState.FINISHED, 1.0),
]


def test_an_empty_list_says_how_to_submit_the_first_comparison() -> None:
    text = browser().get("/").text
    assert "No comparisons yet" in text
    assert ".venv/bin/python -m api.client submit examples/demo.yaml" in text


def test_a_filter_that_nothing_fits_says_so_and_leads_back() -> None:
    text = browser(example()).get("/", params={"q": "no such words"}).text
    assert "No comparison fits the filter" in text
    assert "No comparisons yet" not in text


@pytest.mark.parametrize("path", ["/", "/comparisons/kq3vxe7a2m", "/parts/comparisons/kq3vxe7a2m"])
def test_a_name_with_markup_is_shown_and_not_obeyed(path: str) -> None:
    text = browser(example(name='<script>alert("x")</script>')).get(path).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize(("state", "share"), EVERY_STATE)
@pytest.mark.parametrize("path", ["/", "/comparisons/kq3vxe7a2m"])
def test_pages_hold_no_inline_script_or_style(
    path: str, state: ComparisonState, share: float
) -> None:
    page = Elements(browser(example(state=state, share=share)).get(path).text)
    assert page.open == []
    assert all(attributes.get("src") for attributes in page.named("script"))
    assert page.named("style") == []
    for _, attributes in page.found:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_everything_that_a_page_loads_comes_from_here_and_may_be_kept() -> None:
    client = browser(example())
    page = Elements(client.get("/comparisons/kq3vxe7a2m").text)
    loaded = [one["src"] for one in (*page.named("script"), *page.named("img"))]
    loaded += [one["href"] for one in page.named("link")]
    assert any("plotly.min.js" in str(url) for url in loaded)
    for url in loaded:
        answer = client.get(str(url))
        assert answer.status_code == 200, url
        assert "immutable" in answer.headers["Cache-Control"]


def test_the_list_does_not_load_plotly() -> None:
    assert "plotly" not in browser(example()).get("/").text


def test_plotly_is_kept_from_adding_its_inline_sheet() -> None:
    page = Elements(browser(example()).get("/comparisons/kq3vxe7a2m").text)
    identifiers = {attributes.get("id") for _, attributes in page.found}
    assert len(assets().guarded_style) == 64
    assert {assets().guarded_style, "plotly.js-style-global"} <= identifiers


def test_an_unknown_comparison_gets_a_page_that_leads_back() -> None:
    answer = browser(example()).get("/comparisons/nosuchone0")
    assert answer.status_code == 404
    assert "There is no such comparison" in answer.text
    assert 'href="/"' in answer.text


def test_a_stranger_gets_a_page_that_says_how_to_log_in() -> None:
    client = browser(example())

    def stranger() -> Reader:
        raise Unauthenticated("no key was sent")

    cast("FastAPI", client.app).dependency_overrides[reader] = stranger
    answer = client.get("/")
    assert answer.status_code == 401
    assert "one-time link" in answer.text
    assert ".venv/bin/python -m api.client login" in answer.text


def test_a_final_verdict_stands_alone() -> None:
    text = browser(example()).get("/comparisons/kq3vxe7a2m").text
    assert "data-sentence" in text
    assert "may still change" not in text
    assert 'data-live="false"' in text


def test_the_report_says_whether_the_winner_hangs_on_the_target() -> None:
    text = browser(example()).get("/comparisons/kq3vxe7a2m").text
    assert "With the target 5 % higher or lower the winner stays the same." in text


def test_a_verdict_while_finals_run_is_marked_as_interim_once() -> None:
    running = example(state=ComparisonState.RUNNING, share=0.8)
    said = "Interim (60 of 64 trials so far): kbfgs leads."
    problem = running.report.problems[0].model_copy(update={"sentence": said})
    report = running.report.model_copy(update={"problems": (problem,)})
    text = browser(replace(running, report=report)).get("/comparisons/kq3vxe7a2m").text
    verdict = text[text.index('data-part="verdict"') : text.index('data-part="progress"')]
    assert said in verdict
    assert "may still change" in verdict
    assert verdict.lower().count("interim") == 1 + verdict.count('"interim"')
    assert "data-sentence" not in text


@pytest.mark.parametrize(("state", "share"), EVERY_STATE)
@pytest.mark.parametrize("path", ["/", "/comparisons/kq3vxe7a2m"])
def test_nothing_that_ages_stands_in_a_live_region(
    path: str, state: ComparisonState, share: float
) -> None:
    shown = example(state=state, share=share, now=datetime.now(UTC), heard_seconds_ago=42)
    page = Elements(browser(shown).get(path).text)
    live = [one for _, one in page.found if one.get("role") in {"status", "alert", "log"}]
    known = {
        "data-announcement",
        *(f"data-{verb}-error" for verb in ("cancel", "extend", "delete")),
    }
    assert [one for one in live if not known & one.keys()] == []
    assert len([one for one in live if "data-announcement" in one]) == 1


def test_a_long_reason_is_readable_in_the_list() -> None:
    failed = example(state=ComparisonState.FAILED, share=0.2)
    reason = "the study was lost three times; " * 10
    view = failed.view.model_copy(update={"reason": reason})
    text = browser(replace(failed, view=view)).get("/").text
    assert text.count(reason) == 1
    assert "clamp" not in text


def test_before_the_finals_the_page_says_what_goes_on_and_names_no_winner() -> None:
    shown = example(state=ComparisonState.RUNNING, share=0.3)
    text = browser(shown).get("/comparisons/kq3vxe7a2m").text
    assert "No verdict yet" in text
    assert "Tuning rmsprop" in text
    assert shown.report.problems[0].sentence not in text


def test_a_silent_driver_is_told_with_its_age() -> None:
    now = datetime.now(UTC)
    running = {"state": ComparisonState.RUNNING, "share": 0.8, "now": now}
    silent = browser(example(**cast("Any", running), heard_seconds_ago=42))
    assert "last heard from" in silent.get("/").text
    assert "No driver was heard of" in silent.get("/comparisons/kq3vxe7a2m").text
    well = browser(example(**cast("Any", running), heard_seconds_ago=1))
    assert "last heard from" not in well.get("/").text


def test_only_who_may_cancel_sees_the_button() -> None:
    running = example(state=ComparisonState.RUNNING, share=0.5)
    assert "data-cancel" in browser(running).get("/comparisons/kq3vxe7a2m").text
    viewer = browser(running, may_submit=False)
    assert "data-cancel" not in viewer.get("/comparisons/kq3vxe7a2m").text


def test_what_may_be_done_is_offered_to_those_who_may() -> None:
    running = example(state=ComparisonState.RUNNING, share=0.5)
    page, parts = "/comparisons/kq3vxe7a2m", "/parts/comparisons/kq3vxe7a2m"
    whole = ('data-steer="pause"', 'data-steer="resume"', 'data-steer="extend"')
    each = 'aria-label="Pause adam"'
    owner, viewer = browser(running), browser(running, may_submit=False)
    assert all(offer in owner.get(page).text for offer in (*whole, each))
    assert each in owner.get(parts).text
    for path in (page, parts):
        assert not [offer for offer in (*whole, each) if offer in viewer.get(path).text]


def test_a_pause_is_told_with_who_is_held_and_who_is_out() -> None:
    shown = example(state=ComparisonState.PAUSED, share=0.3)
    first, second, *rest = shown.view.contenders
    held = first.model_copy(update={"paused": 3})
    out = second.model_copy(update={"cancelled": True})
    view = shown.view.model_copy(
        update={"contenders": (held, out, *rest), "reason": "paused by ada"}
    )
    text = browser(replace(shown, view=view)).get("/comparisons/kq3vxe7a2m").text
    assert "Paused: paused by ada." in text
    assert "<small>3 paused</small>" in text
    assert "<small>cancelled</small>" in text
    assert f'aria-label="Resume {held.name}"' in text
    assert f'aria-label="Pause {out.name}"' not in text


def test_the_reason_of_a_failure_is_told() -> None:
    failed = example(state=ComparisonState.FAILED, share=0.2)
    view = failed.view.model_copy(update={"reason": "study s0 was lost 3 times"})
    text = browser(replace(failed, view=view)).get("/comparisons/kq3vxe7a2m").text
    assert "Failed: study s0 was lost 3 times." in text


def test_the_theme_is_right_from_the_first_byte_and_only_a_known_one() -> None:
    client = browser(example())
    assert Elements(client.get("/").text).named("html")[0]["data-theme"] == "system"
    client.cookies.set("kbfgs_theme", "dark")
    assert Elements(client.get("/").text).named("html")[0]["data-theme"] == "dark"
    client.cookies.set("kbfgs_theme", "x")
    assert Elements(client.get("/").text).named("html")[0]["data-theme"] == "system"
