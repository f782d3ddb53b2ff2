"""Problems whose optimum is known: it is found again by another solver."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from tests.support import by_hand
from tests.support.problem_suite import CPU, ProblemSuite, Weights, shares
from workers.data import Arrays, arrays
from workers.problems.logistic_regression import LogisticRegression
from workers.problems.quadratic import Quadratic

pytestmark = pytest.mark.training


def blocks(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Sums over 4×4 pixels, each in [0, 1]."""
    pictures = digits.reshape(-1, 7, 4, 7, 4).astype(np.float64)
    return pictures.sum((2, 4)).reshape(-1, 49) / 255


class TestLogisticRegression(ProblemSuite):
    name = "logistic-regression"
    row = (49,)
    output = (11,)

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        logits = by_hand.affine(blocks(found["train"][:rows]), weights, "linear")
        squares = sum((value**2).sum() for value in weights.values())
        return by_hand.class_loss(logits, found["train_labels"][:rows]) + 0.05 * squares

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return shares(outputs[:, :-1])

    def drawn(self, sampled: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(sampled, 10)

    def test_the_optimum_of_the_catalogue_is_that_of_another_solver(self) -> None:
        """L-BFGS of scipy in float64; where the gradient is g, at most |g|²/2l2 is missing."""
        found = arrays("mnist-5k")
        x = np.c_[blocks(found["train"]), np.ones(4000)]
        classes = np.eye(10)[found["train_labels"]]

        def loss_and_gradient(flat: npt.NDArray[Any]) -> tuple[float, npt.NDArray[Any]]:
            weights = flat.reshape(10, 50)
            logits = x @ weights.T
            loss = by_hand.class_loss(logits, found["train_labels"]) + 0.05 * (flat**2).sum()
            gradient = (shares(logits) - classes).T @ x / len(x) + 0.1 * weights
            return loss, gradient.ravel()

        best = minimize(
            loss_and_gradient,
            np.zeros(500),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 5000, "maxfun": 10_000, "ftol": 0, "gtol": 1e-9},
        )
        assert (best.jac**2).sum() / 0.2 < 1e-10
        assert self.entry.optimum == pytest.approx(best.fun, abs=1e-10)

    def test_the_optimum_is_that_of_the_loss_which_is_trained(self) -> None:
        problem = LogisticRegression()
        train = problem.load(CPU).train
        torch.manual_seed(0)
        model = problem.build_model()
        optimizer = torch.optim.LBFGS(
            model.parameters(), max_iter=300, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = problem.loss(model(train.inputs), train.targets)
            loss.backward()
            return loss

        optimizer.step(closure)
        assert closure().item() == pytest.approx(self.entry.optimum, abs=2e-6)


class TestQuadratic(ProblemSuite):
    name = "quadratic"
    row = (8,)
    output = (1,)
    lr = 0.01

    def rows(self, count: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        places = (np.arange(64)[:, None] + 0.5) / 64
        waves = np.sqrt(2) * np.cos(np.pi * places * np.arange(1, 10))
        inputs = waves[:, :8] * 10 ** (-np.arange(8) / 7)
        targets = inputs.sum(1, keepdims=True) + waves[:, 8:]
        return inputs[:count], targets[:count]

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        inputs, targets = self.rows(rows)
        outputs = inputs @ weights["weight"].T + weights["bias"]
        return by_hand.squared_loss(outputs, targets)

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return outputs

    def test_least_squares_gives_the_optimum_and_the_hessian_is_diagonal(self) -> None:
        train = Quadratic().load(CPU).train
        x = np.c_[train.inputs.double().numpy(), np.ones(64)]
        y = train.targets.double().numpy()
        best = np.linalg.lstsq(x, y, rcond=None)[0]
        assert 0.5 * ((x @ best - y) ** 2).mean() == pytest.approx(self.entry.optimum, abs=1e-6)
        assert best.ravel() == pytest.approx([1] * 8 + [0], abs=1e-5)
        eigenvalues = [*np.logspace(0, -2, 8), 1]
        assert x.T @ x / 64 == pytest.approx(np.diag(eigenvalues), abs=1e-6)
