"""What whole runs took beside their time."""

import pytest

from service.contracts.report import Report
from service.contracts.states import StudyKind, TrialState
from service.contracts.usage import Phase, Usage
from service.domain.results import TrialResult
from service.domain.scoring.costs import run_cost
from service.exports.tables import cost_table
from tests.support.comparisons import a_spec, a_trial, judged, results, searched


def a_run(seconds: float = 1.0, **usage: object) -> TrialResult:
    """A run of two epochs of 20 steps and so many seconds each."""
    return a_trial(
        "kbfgs", [100.0, 50.0, 1.0], seconds_an_epoch=seconds, usage=Usage.model_validate(usage)
    )


def test_shares_are_of_all_runs_together_and_at_most_the_whole() -> None:
    cost = run_cost(
        [
            a_run(1.0, phases={Phase.FIRST_PASS: 1.0, Phase.UPDATE: 0.5}),
            a_run(3.0, phases={Phase.FIRST_PASS: 3.0, Phase.UPDATE: 2.5}),
        ]
    )
    assert cost is not None
    assert cost.runs == 2
    assert cost.phases == {Phase.FIRST_PASS: 0.5, Phase.UPDATE: 0.375}


def test_bytes_are_those_of_a_step_and_memory_a_median() -> None:
    runs = [
        a_run(gradient_bytes=40 * size, curvature_bytes=4 * size, peak_memory_bytes=size)
        for size in (100, 300, 200)
    ]
    cost = run_cost(runs)
    assert cost is not None
    assert (cost.gradient_bytes, cost.curvature_bytes) == (200, 20)
    assert (cost.peak_memory_bytes, cost.peak_device_memory_bytes) == (200, None)
    assert cost.written_bytes == "200 B and 20 B"


@pytest.mark.parametrize(
    "trial",
    [
        a_trial("kbfgs", [1.0]),
        a_trial("kbfgs", [1.0], usage=Usage(), state=TrialState.DIVERGED),
        a_trial("kbfgs", usage=Usage()),
    ],
    ids=["told nothing", "diverged", "without points"],
)
def test_a_run_that_did_not_finish_or_tell_has_no_part_in_it(trial: TrialResult) -> None:
    assert run_cost([trial]) is None
    cost = run_cost([trial, a_run(phases={Phase.UPDATE: 1.0})])
    assert cost is not None
    assert (cost.runs, cost.phases) == (1, {Phase.UPDATE: 0.5})


def test_contenders_stand_in_one_table_whatever_their_phases() -> None:
    spec = a_spec()
    finals = [
        a_run(phases={Phase.FIRST_PASS: 1.0, Phase.SECOND_PASS: 0.5}, gradient_bytes=40_000_000),
        a_trial(
            "adam",
            [100.0, 50.0, 1.0],
            usage=Usage(phases={Phase.FIRST_PASS: 1.6, Phase.UPDATE: 0.3}),
            kind=StudyKind.FINALS,
        ),
    ]
    problem = judged(results(spec, [*searched(spec), *finals]))
    assert problem.phases == (Phase.FIRST_PASS, Phase.SECOND_PASS, Phase.UPDATE)
    rows = {name: cells for name, *cells in cost_table(problem).rows}
    assert rows["kbfgs"] == ["50 %", "25 %", "–", "1.00 MB and 0 B", "–"]
    assert rows["adam"] == ["80 %", "–", "15 %", "–", "–"]


def test_a_report_from_before_costs_were_told_is_read() -> None:
    spec = a_spec()
    problem = judged(results(spec, searched(spec)))
    stored = problem.model_dump(mode="json")
    for entry in stored["contenders"]:
        del entry["cost"]
    assert type(problem).model_validate(stored).phases == ()
    assert Report.model_fields["schema_version"].default == 1
