"""Capsules and reports that a stranger made: what they may cost whoever reads them."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.bodies import LARGE_LIMIT
from api.limits import EXPORTS_AT_ONCE
from service.contracts.capsule import MOST_TRIALS
from service.contracts.spec import MOST, MOST_EPOCHS
from service.domain.records import Role
from tests.support.api_site import Site
from tests.support.terminal import Terminal

Document = dict[str, Any]


@pytest.fixture
def report(finished_site: tuple[Site, str]) -> Document:
    site, comparison = finished_site
    found: Document = site.asker().get(f"/v1/comparisons/{comparison}/report").json()
    return found


def many(report: Document, what: str, count: int) -> Document:
    """The report with so many of its problem's contenders or pairs, or of its problems."""
    (problem,) = report["problems"]
    if what == "problems":
        return {**report, "problems": [{**problem, "problem": f"p{k}"} for k in range(count)]}
    fields = {"contenders": ("name",), "pairs": ("first", "second")}[what]
    entries = [{**problem[what][0], **dict.fromkeys(fields, f"c{k}")} for k in range(count)]
    return {**report, "problems": [{**problem, what: entries}]}


MOST_PAIRS = MOST * (MOST - 1) // 2
BOUNDS = {"problems": MOST, "contenders": MOST, "pairs": MOST_PAIRS}


@pytest.mark.parametrize(("what", "most"), BOUNDS.items(), ids=BOUNDS)
def test_a_report_is_compared_that_is_no_larger_than_a_comparison_may_be(
    finished_site: tuple[Site, str], report: Document, what: str, most: int
) -> None:
    asker = finished_site[0].asker(Role.VIEWER)
    for count, status in ((most, 200), (most + 1, 422)):
        sent = {"then": many(report, what, count), "now": many(report, what, count)}
        answer = asker.post("/v1/reports:compare", json=sent)
        assert answer.status_code == status, count
    (error, _) = answer.json()["errors"]
    assert error["field"] == "then"
    assert f"at most {most} {what}, got {most + 1}" in error["message"]


def test_a_report_that_has_one_thing_twice_is_not_compared(
    finished_site: tuple[Site, str], report: Document
) -> None:
    twice = {**report, "problems": 2 * report["problems"]}
    answer = finished_site[0].asker().post(
        "/v1/reports:compare", json={"then": report, "now": twice}
    )  # fmt: skip
    assert answer.status_code == 422
    assert "each of its problems once" in answer.json()["errors"][0]["message"]


def test_the_command_says_what_is_wrong_with_a_report_that_is_too_large(
    terminal: Terminal, report: Document, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(many(report, "contenders", MOST + 1)))
    code, _, said = terminal.run("compare", str(file), str(file))
    assert code == 2
    assert f"at most {MOST} contenders" in said


ASKED: dict[str, Callable[[Any, str, Document], Any]] = {
    "a comparison of reports": lambda asker, _, report: asker.post(
        "/v1/reports:compare", json={"then": report, "now": report}
    ),
    "a capsule": lambda asker, one, _: asker.get(f"/v1/comparisons/{one}/capsule"),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_what_keeps_a_thread_busy_counts_as_an_export_of_its_key(
    finished_site: tuple[Site, str], report: Document, ask: Callable[[Any, str, Document], Any]
) -> None:
    site, comparison = finished_site
    viewer = site.asker(Role.VIEWER)
    (key,) = [key for key in site.asker().get("/v1/keys").json() if key["role"] == "viewer"]
    with ExitStack() as under_way:
        for _ in range(EXPORTS_AT_ONCE):
            under_way.enter_context(site.app.state.limits.exports.one(key["id"]))
        assert ask(viewer, comparison, report).status_code == 429
        assert ask(site.asker(), comparison, report).status_code == 200
    assert ask(viewer, comparison, report).status_code == 200


def test_of_usual_trials_as_many_fit_into_a_body_as_the_guide_says(
    finished_site: tuple[Site, str],
) -> None:
    site, comparison = finished_site
    capsule = site.asker().get(f"/v1/comparisons/{comparison}/capsule").json()
    largest = max(len(json.dumps(trial)) + len(", ") for trial in capsule["trials"])
    assert LARGE_LIMIT // largest > 39_000
    assert MOST_TRIALS == MOST_EPOCHS, "every comparison has a capsule"
