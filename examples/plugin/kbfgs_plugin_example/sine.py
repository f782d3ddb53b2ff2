"""A regression on generated rows: the sum of the sines of 8 numbers, with noise."""

import torch
from torch import Tensor, nn

from workers.problems import Split, Splits

FEATURES = 8
TRAINING_ROWS, TEST_ROWS = 400, 100
NOISE = 0.1


class SineRegression:
    """8-32-1 with tanh, the squared error as its loss."""

    name = "sine-regression"

    def build_model(self) -> nn.Module:
        """A fresh network; its weights are drawn from torch's global generator."""
        return nn.Sequential(nn.Linear(FEATURES, 32), nn.Tanh(), nn.Linear(32, 1))

    def load(self, device: torch.device) -> Splits:
        """The same rows every time."""
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(TRAINING_ROWS + TEST_ROWS, FEATURES, generator=generator)
        noise = NOISE * torch.randn(len(inputs), 1, generator=generator)
        targets = inputs.sin().sum(1, keepdim=True) + noise
        rows = Split(inputs.to(device), targets.to(device))
        order = torch.arange(len(rows), device=device)
        return Splits(train=rows.take(order[:TRAINING_ROWS]), test=rows.take(order[TRAINING_ROWS:]))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the squared error, mean over the rows."""
        return 0.5 * (outputs - targets).square().sum() / len(targets)

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """Targets as the model expects them: the loss is a unit normal's, up to a constant."""
        return outputs.detach() + torch.randn_like(outputs)
