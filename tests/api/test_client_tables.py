"""What the client's report prints of searches and of several problems."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from api.client.reproducing import print_agreement
from api.client.tables import console, print_report
from service.contracts.catalogue import built_in
from service.contracts.report import Report
from service.contracts.sensitivity import Sensitivity
from service.domain.scoring import score
from service.domain.scoring.agreement import agreement
from service.exports.text import render_text
from tests.support.comparisons import NOW
from tests.support.suites import BY_HAND
from tests.support.terminal import Terminal


def printed(*, near: Sensitivity | None) -> list[str]:
    """The lines of a report whose first contender's search came to this, blanks made one."""
    report = score(BY_HAND, built_in(), now=NOW)
    problem = report.problems[0]
    first = problem.contenders[0].model_copy(update={"sensitivity": near})
    problem = problem.model_copy(update={"contenders": (first, *problem.contenders[1:])})
    console = Console(width=200, markup=False, highlight=False)
    with console.capture() as captured:
        print_report(console, report.model_copy(update={"problems": (problem,)}))
    return [" ".join(line.split()) for line in captured.get().splitlines()]


def test_a_report_ends_with_the_scores_and_the_ratios_over_all_problems() -> None:
    lines = printed(near=None)
    after = lines[lines.index("Over all problems") :]
    assert "kbfgs 0.89 2 of 3 3 of 3 1.00× 2.00× 1.00×" in after
    assert "adam 0.56 1 of 3 2 of 3 2.00× 1.00× missed" in after
    assert any(line.startswith("note: no interval of a score") for line in after)
    assert not any("within 10 %" in line for line in lines)


def test_a_search_has_the_share_that_came_near_its_best() -> None:
    lines = printed(near=Sensitivity(near=5, points=16, even=True))
    assert "contender within 10 % of its best loss" in lines
    assert "kbfgs 31 % of the space (5 of 16 points)" in lines


EVIL = "\x1b[2J\x1b]0;owned\x07\x9b1m\u202e"


@pytest.fixture
def strangers() -> Report:
    """Whoever wrote it would like to have the terminal of whoever reads it."""
    report = score(BY_HAND, built_in(), now=NOW)
    problem = report.problems[0]
    entry = problem.contenders[0].model_copy(update={"name": EVIL})
    changed = {"title": EVIL, "sentence": EVIL, "warnings": (EVIL,), "contenders": (entry,)}
    problems = (problem.model_copy(update=changed), *report.problems[1:])
    return report.model_copy(update={"problems": problems, "notes": (EVIL,), "warnings": (EVIL,)})


def test_no_report_steers_the_terminal_it_is_printed_on(
    strangers: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    print_report(console(), strangers)
    print_agreement(console(), agreement(strangers, strangers))
    told = capsys.readouterr().out + render_text(strangers)
    assert told.count("\N{REPLACEMENT CHARACTER}[2J") >= 12
    assert not set(told) & set(EVIL) - set("[2J]0;owned1m")


def test_what_is_wrong_with_a_file_is_told_without_what_steers_a_terminal(
    terminal: Terminal, strangers: Report, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps({**strangers.model_dump(mode="json"), EVIL: 1}))
    _, _, told = terminal.run("compare", str(file), str(file))
    assert "is no report" in told
    assert "owned" in told
    assert "\x1b" not in told
