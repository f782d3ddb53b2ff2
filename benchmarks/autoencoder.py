"""The paper's autoencoder for MNIST, its loss and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from workers.data import Arrays, arrays

MNIST_SIZES = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)


def autoencoder(sizes: Sequence[int], *, seed: int = 0) -> nn.Sequential:
    """Linear layers with ReLU between them, but after the code in the middle and at the end."""
    torch.manual_seed(seed)
    last = len(sizes) - 2
    modules: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        modules.append(nn.Linear(fan_in, fan_out))
        if index not in (last // 2, last):
            modules.append(nn.ReLU())
    return nn.Sequential(*modules)


def reconstruction_loss(logits: Tensor, pictures: Tensor) -> Tensor:
    """Binary cross entropy in nats, summed over pixels, mean over pictures."""
    total = binary_cross_entropy_with_logits(logits, pictures, reduction="sum")
    return total / len(pictures)


def training_pictures(arrays: Callable[[str], Arrays] = arrays) -> Tensor:
    """MNIST's training pictures in [0, 1], shape (60000, 784).

    Args:
        arrays: Gives the data sets.

    Raises:
        DataMissing: Where they cannot be had.
    """
    pixels = torch.tensor(arrays("mnist")["train_pictures"])
    return pixels.flatten(start_dim=1).float() / 255


def drawn_pictures(count: int, pixels: int, *, seed: int = 0) -> Tensor:
    """Ten random pictures of zeros and ones over and over, a tenth of the pixels drawn anew.

    Returns:
        Shape (count, pixels), in random order.
    """
    generator = torch.Generator().manual_seed(seed)
    kinds = (torch.rand(10, pixels, generator=generator) < 0.2).float()
    pictures = kinds[torch.randint(10, (count,), generator=generator)]
    noise = (torch.rand(count, pixels, generator=generator) < 0.2).float()
    drawn_anew = torch.rand(count, pixels, generator=generator) < 0.1
    return torch.where(drawn_anew, noise, pictures)
