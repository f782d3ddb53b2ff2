"""Every optimizer on a convex problem with a known minimum, under a cosine."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from service.contracts.base import SettingValue
from tests.support.tiny_training import OPTIMIZERS, TinyAutoencoder, run_of
from workers.problems import Split, Splits

STEPS = 80
SETTINGS: Mapping[str, Mapping[str, SettingValue]] = {
    "kbfgs": {"lr": 1.0, "damping": 0.01, "safeguard": False},
    "kbfgs-l": {"lr": 1.0, "damping": 0.01, "safeguard": False},
    "kfac": {"lr": 1.0, "damping": 0.01, "safeguard": False},
    "adam": {"lr": 0.1},
    "adam-paper": {"lr": 0.1},
    "adamw": {"lr": 0.1, "weight_decay": 0.0},
    "nadamw": {"lr": 0.1},
    "rmsprop": {"lr": 0.05},
    "rmsprop-paper": {"lr": 0.05},
    "sgd": {"lr": 0.2},
    "sgd-paper": {"lr": 1.0},
    "lbfgs": {"lr": 1.0, "max_iter": 2},
    "muon": {"lr": 0.2, "other_lr": 0.1, "weight_decay": 0.0},
    "soap": {"lr": 0.1, "betas": (0.9, 0.999), "weight_decay": 0.0},
    "shampoo": {"lr": 0.2},
}


class LeastSquares(TinyAutoencoder):
    """Half the squared error of a line through rows that no line goes through."""

    def build_model(self) -> nn.Module:
        return nn.Linear(3, 2)

    def load(self, device: torch.device) -> Splits:
        generator = torch.Generator().manual_seed(1)
        inputs = torch.randn(20, 3, generator=generator)
        rows = Split(inputs, torch.randn(20, 2, generator=generator))
        return Splits(train=rows, test=rows)

    def minimum(self) -> float:
        rows = self.load(torch.device("cpu")).train
        x = torch.cat([rows.inputs, torch.ones(20, 1)], dim=1).double()
        best: Tensor = torch.linalg.lstsq(x, rows.targets.double()).solution
        return self.loss(x @ best, rows.targets.double()).item()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_finds_the_minimum_under_a_cosine(name: str) -> None:
    problem = LeastSquares()
    run = run_of(name, problem=problem, epochs=STEPS, schedule="cosine", **SETTINGS[name])
    first = run.begin().train_loss
    *_, last = (run.epoch().train_loss for _ in range(STEPS))
    assert first > problem.minimum() + 0.1
    assert last - problem.minimum() < 1e-3
