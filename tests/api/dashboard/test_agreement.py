"""The page that holds two reports against each other says what JSON and the client say."""

from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from rich.console import Console

from api.client.reproducing import print_agreement
from service.contracts import numbers
from service.contracts.agreement import Agreement
from service.contracts.report import Interval, RerunReport
from service.domain.scoring.agreement import agreement
from tests.api.dashboard.test_pages import Elements, browser
from tests.support.example_comparison import START, Example, example
from tests.support.report_readers import tables_in_html

THEN = example(identifier="aaaaaaaaaa", name="last month's <b>run</b>")


def later() -> Example:
    """The same again with other seeds, where every ratio moved and the first claim is gone."""
    shown = example(identifier="bbbbbbbbbb", name="today's")
    (problem,) = shown.report.problems
    first, *rest = problem.pairs
    gone = first.model_copy(
        update={"ratio": Interval(median=1.0123, low=0.98, high=1.02), "better": None}
    )
    others = [one.model_copy(update={"ratio": moved(one.ratio)}) for one in rest]
    again = problem.model_copy(update={"pairs": (gone, *others)})
    spec = shown.view.spec.model_copy(update={"seeds": 16})
    return replace(
        shown,
        view=shown.view.model_copy(update={"spec": spec}),
        report=shown.report.model_copy(update={"problems": (again,), "seeds": 16}),
    )


def moved(ratio: Interval) -> Interval:
    assert ratio.median is not None
    return ratio.model_copy(update={"median": 1.01 * ratio.median})


NOW = later()
FOUND = agreement(THEN.report, NOW.report)


@pytest.fixture(scope="module")
def text() -> str:
    asked = {"then": THEN.view.id, "now": NOW.view.id}
    return browser(THEN, NOW).get("/compare", params=asked).raise_for_status().text


def test_the_page_has_the_figures_of_the_json(text: str) -> None:
    (problem,) = FOUND.model_dump(mode="json")["problems"]
    assert problem["agreement"] == Agreement.CONTRADICTED
    rows = [
        [
            f"{pair['first']} / {pair['second']}",
            *(numbers.with_span(**pair[name]) for name in ("then", "now", "change")),
            pair["agreement"],
        ]
        for pair in problem["pairs"]
    ]
    assert len(rows) > 1
    header = ["Pair", "Ratio then", "Ratio now", "Now over then", "The claim"]
    assert tables_in_html(text)[0] == [header, *rows]
    assert problem["sentence"] in unescape(text)
    assert all(note in unescape(text) for note in problem["notes"])


def test_the_page_has_the_words_and_figures_of_the_client(text: str) -> None:
    console = Console(width=400, markup=False, highlight=False)
    with console.capture() as captured:
        print_agreement(console, FOUND)
    told = " ".join(captured.get().split())
    for row in tables_in_html(text)[0][1:]:
        assert " ".join(row) in told
    assert FOUND.problems[0].sentence in told


def test_the_specs_are_held_against_each_other_too(text: str) -> None:
    assert tables_in_html(text)[1] == [["Field", "Then", "Now"], ["seeds", "8", "16"]]
    same = browser(THEN).get(f"/compare?then={THEN.view.id}&now={THEN.view.id}").text
    assert "both ask for the same" in same


def test_names_are_text_and_nothing_is_inline(text: str) -> None:
    page = Elements(text)
    assert page.open == []
    assert "<b>run</b>" not in text
    assert all(one.get("src") for one in page.named("script"))
    assert not [one for _, one in page.found if "style" in one]
    assert "/compare?then=bbbbbbbbbb&now=aaaaaaaaaa" in [one.get("href") for one in page.named("a")]


def test_without_two_ids_there_is_a_form_and_an_unknown_one_is_told() -> None:
    client = browser(THEN)
    assert "Two comparisons are needed" in client.get("/compare?then=aaaaaaaaaa").text
    unknown = client.get("/compare?then=aaaaaaaaaa&now=nosuchone0")
    assert unknown.status_code == 404
    assert "There is no such comparison" in unknown.text


def test_a_report_that_is_not_final_is_told_to_be_so() -> None:
    interim = replace(NOW, report=NOW.report.model_copy(update={"status": "interim"}))
    text = browser(THEN, interim).get("/compare?then=aaaaaaaaaa&now=bbbbbbbbbb").text
    assert "cannot be compared: the later report is interim" in text


def offered(client: TestClient) -> Elements:
    return Elements(client.get(f"/comparisons/{NOW.view.id}").raise_for_status().text)


def test_a_comparisons_page_leads_there_and_a_reruns_to_its_original() -> None:
    first = offered(browser(NOW))
    assert {"type": "hidden", "name": "now", "value": "bbbbbbbbbb"} in first.named("input")
    rerun = RerunReport(
        comparison_id="aaaaaaaaaa",
        capsule="5f3a9c01",
        made_at=START + timedelta(days=30),
        differences=(),
        trials=64,
        compared=64,
        same=64,
        ended_otherwise=0,
        largest_difference=None,
    )
    again = replace(NOW, report=NOW.report.model_copy(update={"rerun": rerun}))
    links = {"/compare?then=aaaaaaaaaa&now=bbbbbbbbbb"}
    assert not links & {one.get("href") for one in first.named("a")}
    assert links <= {one.get("href") for one in offered(browser(again)).named("a")}
