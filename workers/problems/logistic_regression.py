"""Logistic regression on small digits: convex, and its optimum is known."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workers.data import arrays
from workers.problems.base import Splits
from workers.problems.likelihoods import Categorical
from workers.problems.stored import Source, labelled, on_device, unit_interval

SIDE, POOLED_SIDE, CLASSES = 28, 7, 10
L2 = 0.1


class LinearClassifier(nn.Module):
    """Logits of the classes, and beside them what the weights themselves cost.

    The cost l2/2 ‖W̄‖² is an output like the logits, the same number in every row, because a
    problem's loss is told the outputs alone. It is part of the loss that is trained, measured
    and known the optimum of, unlike an optimizer's weight decay.

    Args:
        features: Inputs.
        classes: Logits.
        l2: The strength of the cost.
    """

    def __init__(self, features: int, classes: int, *, l2: float) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        self.l2 = l2

    def forward(self, inputs: Tensor) -> Tensor:
        """Shape (rows, classes + 1)."""
        squares = self.linear.weight.square().sum() + self.linear.bias.square().sum()
        cost = (self.l2 / 2 * squares).expand(len(inputs), 1)
        return torch.cat([self.linear(inputs), cost], dim=1)


@dataclass(frozen=True, kw_only=True)
class LogisticRegression(Categorical):
    """Ten digits by the sums over 4×4 pixels, with l2 on weights and biases.

    Attributes:
        source: Gives the digits.
    """

    name: str = "logistic-regression"
    source: Source = arrays

    def build_model(self) -> nn.Module:
        """The classifier with torch's default initial weights."""
        return LinearClassifier(POOLED_SIDE**2, CLASSES, l2=L2)

    def load(self, device: torch.device) -> Splits:
        """The digits as 49 sums in [0, 16] each, float32, and their classes."""
        found = self.source("mnist-5k")
        train, test = (
            labelled(pooled(on_device(found[part], device)), found[f"{part}_labels"])
            for part in ("train", "test")
        )
        return Splits(train=train, test=test)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy in nats, mean over the rows, plus l2/2 times the weights squared."""
        return super().loss(outputs[:, :-1], targets) + outputs[:, -1].mean()

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """A class for each row, drawn as the classifier has it."""
        return super().sample_targets(outputs[:, :-1])

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How many rows have their class as the likeliest."""
        return super().correct(outputs[:, :-1], targets)


def pooled(digits: Tensor) -> Tensor:
    """The sums over 4×4 pixels of digits of bytes, each pixel in [0, 1]; shape (rows, 49)."""
    block = SIDE // POOLED_SIDE
    blocks = unit_interval(digits).reshape(-1, POOLED_SIDE, block, POOLED_SIDE, block)
    return blocks.sum((2, 4)).flatten(1)
