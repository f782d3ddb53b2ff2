"""Networks that several families of problems are made of."""

from collections.abc import Collection, Sequence
from itertools import pairwise

from torch import nn


def perceptron(widths: Sequence[int], *, without_relu: Collection[int] = ()) -> nn.Sequential:
    """Linear layers with ReLU after each but the last, with torch's default initial weights.

    Args:
        widths: Sizes from the inputs to the outputs.
        without_relu: Indices of further layers that stay linear.
    """
    layers: list[nn.Module] = []
    last = len(widths) - 2
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(inputs, outputs))
        if index != last and index not in without_relu:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)
