"""A least-squares problem that is known by heart: for tests, and to see that a run works."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from workers.problems.base import Split, Splits
from workers.problems.likelihoods import Gaussian

FEATURES = 8
CONDITION = 100
TRAINING_ROWS, TEST_ROWS = 64, 32
OPTIMUM = 0.5


@dataclass(frozen=True, kw_only=True)
class Quadratic(Gaussian):
    """A line through rows of orthogonal features, with noise that is orthogonal to them.

    The Hessian of the training loss is diagonal: one for the bias, and from 1 to 1/100 for the
    eight weights. The best weights are all ones, the best bias is zero, and the loss is 1/2
    there. Nothing is drawn or read.
    """

    name: str = "quadratic"

    def build_model(self) -> nn.Module:
        """One linear layer with torch's default initial weights."""
        return nn.Linear(FEATURES, 1)

    def load(self, device: torch.device) -> Splits:
        """Cosines of rising frequency, the last of them the noise."""
        return Splits(train=_rows(TRAINING_ROWS, device), test=_rows(TEST_ROWS, device))


def _rows(count: int, device: torch.device) -> Split:
    """√2 cos(π k (i + 1/2) / rows) for k = 1, 2, ...: mean zero, variance one, orthogonal."""
    places = (torch.arange(count, dtype=torch.float64) + 0.5) * math.pi / count
    waves = math.sqrt(2) * (places[:, None] * torch.arange(1, FEATURES + 2)).cos()
    scales = torch.logspace(0, -math.log10(CONDITION) / 2, FEATURES, dtype=torch.float64)
    inputs = waves[:, :FEATURES] * scales
    targets = inputs.sum(1, keepdim=True) + waves[:, FEATURES:]
    return Split(inputs.float().to(device), targets.float().to(device))
