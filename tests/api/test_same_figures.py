"""One comparison's figures are the same in JSON, HTML, LaTeX, Markdown and on its page."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from service.contracts import numbers
from tests.support.api_site import Site
from tests.support.report_readers import (
    Rows,
    tables_in_html,
    tables_in_latex,
    tables_in_markdown,
)

Json = dict[str, Any]


@pytest.fixture(scope="module")
def problem(finished_site: tuple[Site, str]) -> Json:
    """What the JSON says: every figure as it was computed."""
    site, comparison = finished_site
    answer = site.asker().get(f"/v1/comparisons/{comparison}/report")
    (one,) = answer.raise_for_status().json()["problems"]
    assert one["winner"] == "kbfgs"
    assert one["pairs"]
    return dict(one)


def interval(value: Json, *, write: numbers.Write = numbers.number) -> tuple[str, str]:
    """A median and its bounds as people read them."""
    return write(value["median"]), numbers.span(value["low"], value["high"], write=write)


def together(value: Json, *, write: numbers.Write = numbers.number) -> str:
    return "{} ({})".format(*interval(value, write=write))


def reported_contenders(problem: Json) -> Rows:
    target = numbers.loss(problem["target"]["value"])
    header = ["contender", "best settings", "final training loss (95 %)"]
    header += [f"seconds to {target} (95 %)", "reached", "whole run", "tuning"]
    return [header] + [
        [
            one["name"] + (" (winner)" if one["name"] == problem["winner"] else ""),
            numbers.settings(one["settings"]),
            together(one["final_loss"], write=numbers.loss),
            together(one["training_seconds"]),
            f"{one['training_seconds']['reached']} of {one['training_seconds']['runs']}",
            f"{numbers.number(one['run_seconds']['median'])} s, "
            f"{numbers.number(one['run_gradients']['median'])} gradients",
            f"{one['tuning']['trials']} trials, "
            f"{numbers.number(one['tuning']['worker_seconds'])} s",
        ]
        for one in problem["contenders"]
    ]


def reported_pairs(problem: Json) -> Rows:
    header = ["pair", "ratio of training seconds", "95 %", "p", "corrected p", "seeds", "missed"]
    return [[*header, "better"]] + [
        [
            f"{one['first']} / {one['second']}",
            *interval(one["ratio"], write=numbers.ratio),
            numbers.p_value(one["p_value"]),
            numbers.p_value(one["corrected_p"]),
            str(one["seeds"]),
            str(one["censored"]),
            one["better"] or numbers.DASH,
        ]
        for one in problem["pairs"]
    ]


@pytest.mark.parametrize(
    ("form", "read"),
    [
        ("html", tables_in_html),
        ("latex", tables_in_latex),
        ("markdown", tables_in_markdown),
    ],
)
def test_the_report_has_the_figures_of_the_json(
    finished_site: tuple[Site, str], problem: Json, form: str, read: Any
) -> None:
    site, comparison = finished_site
    address = f"/v1/comparisons/{comparison}/report?format={form}"
    found = read(site.asker().get(address).raise_for_status().text)
    assert found[0] == reported_contenders(problem)
    assert reported_pairs(problem) in found


def shown_contenders(problem: Json) -> Rows:
    header = ["Contender", "Best settings", "Final training loss", "Time to target"]
    return [[*header, "Epochs to target", "Test loss", "Runs", "Tuning cost"]] + [
        [
            f"{one['name']} {shown_role(one['name'], problem)}".strip(),
            " ".join(
                f"{name} {numbers.setting(value)}" + " at a bound" * (name in one["at_bounds"])
                for name, value in one["settings"].items()
            ),
            " ".join(interval(one["final_loss"], write=numbers.loss)),
            "{} s {}".format(*interval(one["training_seconds"])),
            " ".join(interval(one["epochs"])),
            " ".join(interval(one["test_loss"], write=numbers.loss)),
            str(one["runs"]),
            f"{numbers.number(one['tuning']['worker_seconds'])} worker-s "
            f"{one['tuning']['trials']} trials",
        ]
        for one in problem["contenders"]
    ]


def shown_role(name: str, problem: Json) -> str:
    if name == problem["winner"]:
        return "winner"
    return "baseline" if name == problem["baseline"] else ""


def shown_pairs(problem: Json) -> Rows:
    header = ["Pair", "Ratio", "95 % interval", "p", "Corrected p", "Seeds", "Missed target"]
    return [[*header, "Says"]] + [
        [
            f"{one['first']} over {one['second']}",
            numbers.times(one["ratio"]["median"]),
            *interval(one["ratio"], write=numbers.ratio)[1:],
            numbers.p_value(one["p_value"]),
            numbers.p_value(one["corrected_p"]),
            str(one["seeds"]),
            str(one["censored"]),
            f"{one['better']} is better" if one["better"] else "undecided",
        ]
        for one in problem["pairs"]
    ]


def test_the_page_has_the_figures_of_the_json(
    finished_site: tuple[Site, str], problem: Json
) -> None:
    site, comparison = finished_site
    browser = site.asker(None)
    browser.get(site.asker().post("/v1/login-links").json()["path"])
    text = page(browser, comparison)
    tables = tables_in_html(text)
    assert shown_contenders(problem) in tables
    assert shown_pairs(problem) in tables
    assert problem["sentence"].replace("'", "&#39;") in text


def page(browser: TestClient, comparison: str) -> str:
    return browser.get(f"/comparisons/{comparison}").raise_for_status().text
