"""The paper's first-order methods against transcriptions of their equations in float64."""

import pytest
import torch
from torch import Tensor, nn

from tests.support.tiny_training import TinyAutoencoder, settings_of
from workers.optimizers import build_optimizer
from workers.problems import Split
from workers.step import warm_start

STEPS = 7
LR, BETA, DECAY, ALPHA, EPS = 0.05, 0.9, 0.3, 0.8, 1e-3


class Quadratic(nn.Module):
    """Half of each row's ‖D W‖², with a gradient D² W that differs by coordinate."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))

    def forward(self, rows: Tensor) -> Tensor:
        return rows * self.weight


def gradient(weight: Tensor) -> Tensor:
    return torch.tensor([1.0, 4.0, 9.0], dtype=torch.float64) * weight


def trained(name: str, *, first: Tensor | None = None, **settings: object) -> Tensor:
    """The weight after some steps of a catalogue's optimizer."""
    model = Quadratic()
    optimizer = build_optimizer(name, model, settings_of(name, lr=LR, **settings))
    if first is not None:
        rows = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
        halves = [Split(rows, 0 * rows), Split(2 * rows, 0 * rows)]
        warm_start(model, optimizer, problem=TinyAutoencoder(), batches=halves)
        assert torch.equal(model.weight.detach(), first)
    for _ in range(STEPS):
        model.weight.grad = gradient(model.weight.detach())
        optimizer.step()
    return model.weight.detach()


def start() -> Tensor:
    return torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)


def test_sgd_is_a_step_along_the_moving_average_of_the_gradient():
    W, M = start(), torch.zeros(3, dtype=torch.float64)
    for _ in range(STEPS):
        M = BETA * M + (1 - BETA) * (gradient(W) + DECAY * W)
        W = W - LR * M
    ours = trained("sgd-paper", momentum=BETA, weight_decay=DECAY)
    assert torch.allclose(ours, W, rtol=1e-14, atol=0)


def test_sgd_is_torchs_heavy_ball_with_a_smaller_step():
    ours = trained("sgd-paper", momentum=BETA)
    model = Quadratic()
    theirs = torch.optim.SGD(model.parameters(), lr=(1 - BETA) * LR, momentum=BETA)
    for _ in range(STEPS):
        model.weight.grad = gradient(model.weight.detach())
        theirs.step()
    assert torch.allclose(ours, model.weight, rtol=1e-14, atol=0)


@pytest.mark.parametrize("warm", [False, True])
def test_rmsprop_is_the_moving_average_over_the_root_mean_square(warm):
    W, M, v = start(), torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    if warm:  # the mean over mini-batches with 1 and 2² times the gradient
        v = ((gradient(W) + DECAY * W) ** 2 + (4 * gradient(W) + DECAY * W) ** 2) / 2
    for _ in range(STEPS):
        g = gradient(W) + DECAY * W
        M = BETA * M + (1 - BETA) * g
        v = ALPHA * v + (1 - ALPHA) * g**2
        W = W - LR * M / (v**0.5 + EPS)
    numbers = {"momentum": BETA, "weight_decay": DECAY, "alpha": ALPHA, "eps": EPS}
    ours = trained("rmsprop-paper", first=start() if warm else None, **numbers)
    assert torch.allclose(ours, W, rtol=1e-14, atol=0)


def test_adam_has_the_decay_of_the_papers_code():
    W, m, v = start(), torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for step in range(1, STEPS + 1):
        g = gradient(W)
        m = 0.9 * m + 0.1 * g
        v = 0.9 * v + 0.1 * g**2
        W = W - LR * m / (1 - 0.9**step) / ((v / (1 - 0.9**step)) ** 0.5 + EPS)
    assert torch.allclose(trained("adam-paper", eps=EPS), W, rtol=1e-13, atol=0)


def test_a_warm_start_leaves_no_gradient_behind():
    model = Quadratic()
    optimizer = build_optimizer("rmsprop-paper", model, settings_of("rmsprop-paper"))
    rows = torch.ones(2, 3, dtype=torch.float64)
    warm_start(model, optimizer, problem=TinyAutoencoder(), batches=[Split(rows, rows)])
    assert model.weight.grad is None


def test_weights_without_a_gradient_stay_as_they_are():
    for name in ("sgd-paper", "rmsprop-paper"):
        model = Quadratic()
        build_optimizer(name, model, settings_of(name, weight_decay=1.0)).step()
        assert torch.equal(model.weight.detach(), start())
