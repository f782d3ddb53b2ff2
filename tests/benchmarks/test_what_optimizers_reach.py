"""What docs/optimizers.md says of every optimizer, run again at the best of its eight points.

Which of the eight is the best one comes from there: a search would take eight times as long.
"""

import pytest

from benchmarks.optimizer_floor import Run, searched, train
from service.contracts.catalogue import built_in

pytestmark = pytest.mark.training

ON_LOGISTIC_REGRESSION = {
    "kbfgs": 4,
    "kbfgs-l": 4,
    "kfac": 0,
    "adam": 3,
    "adam-paper": 5,
    "adamw": 3,
    "nadamw": 3,
    "rmsprop": 5,
    "rmsprop-paper": 1,
    "sgd": 3,
    "sgd-paper": 4,
    "lbfgs": 7,
    "muon": 1,
    "soap": 1,
    "shampoo": 1,
}
ON_DIGITS = {
    "kbfgs": 7,
    "kbfgs-l": 6,
    "kfac": 7,
    "adam": 5,
    "adam-paper": 5,
    "adamw": 5,
    "nadamw": 7,
    "rmsprop": 1,
    "rmsprop-paper": 5,
    "sgd": 6,
    "sgd-paper": 6,
    "lbfgs": 4,
    "muon": 2,
    "soap": 3,
    "shampoo": 3,
}
FLOORS = {"kbfgs-l": 1.2e-3}
"""Where 1e-3 is not reached; the page explains it."""


def run(problem: str, optimizer: str, number: int, *, schedule: str, epochs: int) -> Run:
    catalogue = built_in()
    entry, problem_entry = catalogue.optimizer(optimizer), catalogue.problem(problem)
    assert entry is not None
    assert problem_entry is not None
    fixed = {"schedule": schedule, "weight_decay": 0.0}
    known = {setting.name for setting in entry.settings}
    return train(
        problem_entry,
        entry,
        searched(entry)[number],
        epochs=epochs,
        fixed={name: value for name, value in fixed.items() if name in known},
    )


def test_every_optimizer_is_there() -> None:
    names = {entry.name for entry in built_in().optimizers}
    assert ON_LOGISTIC_REGRESSION.keys() == ON_DIGITS.keys() == names


@pytest.mark.parametrize(("optimizer", "number"), ON_LOGISTIC_REGRESSION.items())
def test_on_the_convex_problem_it_comes_close_to_the_optimum(optimizer: str, number: int) -> None:
    problem = built_in().problem("logistic-regression")
    assert problem is not None
    assert problem.optimum is not None
    found = run(problem.name, optimizer, number, schedule="cosine", epochs=problem.epochs)
    assert found.evaluations >= 500
    assert -1e-6 < found.last - problem.optimum < FLOORS.get(optimizer, 1e-3)


@pytest.mark.slow  # a minute without lbfgs, which takes another one and a half
@pytest.mark.parametrize(("optimizer", "number"), ON_DIGITS.items())
def test_on_digits_five_epochs_halve_the_loss(optimizer: str, number: int) -> None:
    found = run("mnist-5k-autoencoder", optimizer, number, schedule="constant", epochs=5)
    assert found.last < found.first / 2
