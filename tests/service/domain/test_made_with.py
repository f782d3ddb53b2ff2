"""A report says which plug-ins its runs were made with, and where their versions differ."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from service.contracts.catalogue import built_in
from service.contracts.events import Environment
from service.contracts.report import Report
from service.domain.results import ComparisonResults
from service.domain.scoring import score
from service.exports.html import render_html
from service.exports.text import render_text
from tests.support.comparisons import NOW, a_spec, reaching

SPREAD = [0.97, 0.98, 0.99, 1.0, 1.01, 1.02, 1.03, 1.04]


def ran(versions: Sequence[str], *, threads: Sequence[int] = (1,)) -> ComparisonResults:
    """K-BFGS as a plug-in of these versions, seed by seed, against a built-in."""
    seconds = {"kbfgs": [4 * v for v in SPREAD], "adam": [10 * v for v in SPREAD]}
    plain = reaching(a_spec(), seconds)
    return replace(
        plain,
        trials=tuple(
            replace(
                trial,
                environment=Environment(
                    hostname="here",
                    device="cpu",
                    python="3.11",
                    torch="2.13",
                    threads=threads[trial.seed % len(threads)],
                    plugins=(versions[trial.seed % len(versions)],)
                    if trial.contender == "kbfgs"
                    else (),
                ),
            )
            for trial in plain.trials
        ),
    )


def report(results: ComparisonResults) -> Report:
    return score(results, built_in(), now=NOW)


def test_the_report_names_them_in_all_its_forms() -> None:
    results = ran(["kbfgs-walk 1.0"])
    made = report(results)
    assert made.plugins == ("kbfgs-walk 1.0",)
    assert "with the plug-ins kbfgs-walk 1.0" in render_text(made)
    assert "kbfgs-walk 1.0" in render_html(made, results)


def test_without_plugins_it_says_nothing_of_them() -> None:
    plain = reaching(a_spec(), {"kbfgs": [4.0], "adam": [10.0]})
    assert report(plain).plugins == ()
    assert "plug-in" not in render_text(report(plain)) + render_html(report(plain), plain)


@pytest.mark.parametrize(
    ("versions", "threads", "warned"),
    [
        (["w 1.0"], [1], ""),
        (["w 1.0", "w 1.1"], [1], "K-BFGS was not made with the same plug-ins in every run"),
        (["w 1.0"], [1, 2], "the finals ran in different environments"),
    ],
)
def test_a_plugin_on_one_side_is_no_other_environment_but_two_versions_are_warned_of(
    versions: list[str], threads: list[int], warned: str
) -> None:
    said = report(ran(versions, threads=threads)).problems[0].warnings
    found = [
        line for line in said if "plug-ins in every run" in line or "different environments" in line
    ]
    assert [line[: len(warned)] for line in found] == ([warned] if warned else [])
