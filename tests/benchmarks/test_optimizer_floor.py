"""The benchmark of floors: honest runs, and a table that says which one is shown."""

import math

import pytest

from benchmarks.optimizer_floor import Run, searched, table, train
from service.contracts.catalogue import OptimizerEntry, ProblemEntry, built_in

pytestmark = pytest.mark.training


def entries(optimizer: str) -> tuple[ProblemEntry, OptimizerEntry]:
    problem, entry = built_in().problem("quadratic"), built_in().optimizer(optimizer)
    assert problem is not None
    assert entry is not None
    return problem, entry


def a_run(last: float, lr: float) -> Run:
    return Run(point={"lr": lr}, first=9.0, last=last, evaluations=1200, seconds=2.5)


def test_a_run_nears_the_optimum_and_counts_what_it_took() -> None:
    problem, entry = entries("adam")
    fixed = {"schedule": "cosine", "weight_decay": 0.0}
    run = train(problem, entry, {"lr": 0.2, "eps": 1e-8}, epochs=60, fixed=fixed)
    assert problem.optimum is not None
    assert run.first > problem.optimum + 0.1
    assert 0 <= run.last - problem.optimum < 1e-2
    assert run.evaluations == 60
    assert run.seconds > 0


def test_a_run_that_diverged_ends_at_infinity() -> None:
    problem, entry = entries("sgd")
    run = train(problem, entry, {"lr": 1e6}, epochs=9, fixed={})
    assert run.last == math.inf
    assert run.evaluations < 9


def test_the_points_are_within_the_default_space() -> None:
    _, entry = entries("muon")
    points = searched(entry)
    assert len(points) == 8
    for name, range_ in entry.space.items():
        low, high = range_.bounds
        assert all(low <= point[name] <= high for point in points)


def test_the_table_shows_the_best_run_and_how_many_diverged() -> None:
    problem, _ = entries("sgd")
    runs = {"sgd": [a_run(math.inf, 9.0), a_run(0.503, 0.1), a_run(0.7, 0.01)]}
    *_, row = table(problem, runs)
    assert row == "| `sgd` | 3.0e-03 | lr 0.1 | 1 of 3 | 1,200 | 2.50 |"


def test_without_a_known_optimum_the_table_shows_both_ends() -> None:
    problem = built_in().problem("mnist-5k-autoencoder")
    assert problem is not None
    *_, row = table(problem, {"sgd": [a_run(3.25, 0.1)]})
    assert "| 9.00 → 3.25 |" in row
