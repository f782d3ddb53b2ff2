"""Distributions of the targets given a model's outputs: a problem's loss, and draws for K-FAC.

Each is a base class of problems. A loss is the negative logarithm of the likelihood, up to a
constant; draws come from torch's global RNG, and no gradient flows through them.
"""

import torch
from torch import Tensor, nn


class Bernoulli:
    """Pixels that are 0 or 1, each 1 with the probability sigmoid(output).

    The loss takes pixels between 0 and 1 as well.
    """

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy with logits, summed over the pixels, mean over the rows."""
        summed = nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")
        return summed / targets.shape[0]

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """Pixels that are 0 or 1, each 1 with its probability."""
        return torch.bernoulli(outputs.detach().sigmoid())


class Gaussian:
    """Values with unit variance around the outputs."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Half the squared error, summed over the values, mean over the rows."""
        return 0.5 * (outputs - targets).square().sum() / targets.shape[0]

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """The outputs with unit noise."""
        return outputs.detach() + torch.randn_like(outputs)


class Categorical:
    """One of several classes, by logits of shape (rows, ..., classes); targets (rows, ...)."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy in nats, mean over the rows and, in each, over its positions."""
        return nn.functional.cross_entropy(outputs.flatten(0, -2), targets.flatten())

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """A class for each row and position."""
        probabilities = outputs.detach().flatten(0, -2).softmax(-1)
        return torch.multinomial(probabilities, 1).reshape(outputs.shape[:-1])

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How many rows are right; one with positions counts by the share that is right."""
        hits = (outputs.argmax(-1) == targets).float()
        return hits.reshape(len(hits), -1).mean(1).sum()
