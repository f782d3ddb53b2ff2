"""What the client's report prints of searches and of several problems."""

from rich.console import Console

from api.client.tables import print_report
from service.contracts.catalogue import built_in
from service.contracts.sensitivity import Sensitivity
from service.domain.scoring import score
from tests.support.comparisons import NOW
from tests.support.suites import BY_HAND


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
