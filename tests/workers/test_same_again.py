"""The same twice, through the chain without a server: a capsule run again, and A against A."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.contracts.capsule import Capsule
from service.contracts.catalogue import built_in
from service.contracts.plan import Plan
from service.contracts.report import Report
from service.domain import planning
from service.domain.capsules import make_capsule
from service.domain.rerunning import read_capsule
from service.domain.results import ComparisonResults
from service.domain.scoring import score
from tests.support.comparisons import NOW
from workers.local import read_results, run_local

pytestmark = pytest.mark.training

LEARNS: dict[str, Any] = {
    "name": "again", "problems": ["quadratic"], "budget": {"epochs": 4}, "seeds": 2,
    "contenders": [{"optimizer": "sgd", "space": {"lr": {"log": [0.001, 1]}}}],
    "tuning": {"search": "tpe", "trials": 6, "asha": {"reduction_factor": 2}}, "batch_size": 16,
}  # fmt: skip
ADAM = {"optimizer": "adam", "space": {"lr": {"log": [0.001, 0.1]}}}
ITSELF = {
    **LEARNS, "seeds": 8, "tuning": {"trials": 2}, "verdict": {"outcome": "epochs"},
    "contenders": [ADAM, {**ADAM, "name": "again"}],
}  # fmt: skip


def planned(document: dict[str, Any]) -> Plan:
    return planning.plan(planning.read_spec(document, built_in()), built_in())


def ran(plan: Plan, folder: Path) -> tuple[ComparisonResults, Report, Capsule]:
    """What a plan came to that ran in a folder."""
    folder.mkdir()
    (folder / "drawn.json").write_text(plan.model_dump_json())
    run_local(folder / "drawn.json", folder / "out")
    results = read_results(folder / "out", built_in())
    capsule = make_capsule(results, plan.seeds, built_in(), at=NOW)
    return results, score(results, built_in(), now=NOW), capsule


def test_a_search_that_learned_and_stopped_trials_runs_again_bit_for_bit(tmp_path: Path) -> None:
    first, _, capsule = ran(planned(LEARNS), tmp_path / "first")
    plan = read_capsule(json.loads(capsule.model_dump_json()), built_in())
    again, report, other = ran(plan, tmp_path / "again")
    assert {trial.state.value for trial in first.trials} == {"finished", "stopped"}
    assert [(one.point, one.seed, one.state) for one in again.trials] == [
        (one.point, one.seed, one.state) for one in first.trials
    ]
    assert [[point.train_loss for point in one.points] for one in again.trials] == [
        [point.train_loss for point in one.points] for one in first.trials
    ]
    assert report.rerun is not None
    assert (report.rerun.same, report.rerun.trials, report.rerun.differences) == (8, 8, ())
    assert capsule.trials == other.trials
    assert capsule.environments[0].kbfgs


def test_an_optimizer_against_itself_has_the_same_points_and_losses_and_wins_nothing(
    tmp_path: Path,
) -> None:
    results, report, _ = ran(planned(ITSELF), tmp_path / "itself")
    one, other = (
        {
            (trial.kind, json.dumps(trial.point), trial.seed): tuple(
                point.train_loss for point in trial.points
            )
            for trial in results.trials
            if trial.contender == name
        }
        for name in ("adam", "again")
    )
    assert one == other
    assert len(set(one.values())) == 2 + 8, "points and seeds make runs differ"
    (problem,) = report.problems
    (pair,) = problem.pairs
    assert (problem.winner, pair.ratio.median, pair.p_value) == (None, 1.0, 1.0)
    assert problem.sentence.startswith("No clear winner")
