"""The paper's autoencoder for MNIST, its loss, and the IDX files that its pictures come from."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

MNIST_SIZES = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)
DATA_VARIABLE = "KBFGS_DATA"
PICTURES = Path("mnist") / "train-images-idx3-ubyte.gz"
_IDX_PICTURES = 2051


class DataMissingError(Exception):
    """The pictures are not where they should be; the message says what to put where."""


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


def training_pictures() -> Tensor:
    """MNIST's training pictures in [0, 1], shape (60000, 784).

    Raises:
        DataMissingError: The file is not there, or is not an IDX file of pictures.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        raise DataMissingError(
            f"set the environment variable {DATA_VARIABLE} to a folder with {PICTURES} in it, as "
            "published at https://ossci-datasets.s3.amazonaws.com/mnist/"
        )
    path = Path(folder) / PICTURES
    if not path.is_file():
        raise DataMissingError(
            f"put https://ossci-datasets.s3.amazonaws.com/mnist/{PICTURES.name} at {path}"
        )
    return read_pictures(path)


def read_pictures(path: Path) -> Tensor:
    """The pictures of a gzipped IDX file in [0, 1], shape (count, rows x columns)."""
    content = gzip.decompress(path.read_bytes())
    magic, count, rows, columns = (
        int.from_bytes(content[at : at + 4], "big") for at in range(0, 16, 4)
    )
    if magic != _IDX_PICTURES or len(content) != 16 + count * rows * columns:
        raise DataMissingError(f"{path} is not an IDX file of pictures: its header says {magic}")
    pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=16)
    return pixels.reshape(count, rows * columns).float() / 255


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
