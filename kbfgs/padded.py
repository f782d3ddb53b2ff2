"""Vectors of several lengths as the rows of one array, for one operation on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def padded(*families: Sequence[Tensor], width: int, fill: float = 0.0) -> Tensor:
    """Vectors as the rows of an array, with a number behind each.

    Args:
        families: Each with n vectors.
        width: The length of the rows, at least that of the longest vector.
        fill: The number.

    Returns:
        Shape (families, n, width).
    """
    filler = families[0][0].new_full((width,), fill)
    behind: dict[int, Tensor] = {}
    pieces: list[Tensor] = []
    for family in families:
        for vector in family:
            pieces.append(vector)
            missing = width - vector.shape[0]
            if missing and missing not in behind:
                behind[missing] = filler.narrow(0, 0, missing)
            if missing:
                pieces.append(behind[missing])
    return torch.cat(pieces).view(len(families), -1, width)


def cut(array: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """The rows of an array (n, width) as vectors of these lengths, which lie in it."""
    width = array.shape[1]
    return [
        row if size == width else row.narrow(0, 0, size)
        for row, size in zip(array.unbind(), lengths, strict=True)
    ]


def numbers(values: Sequence[float], *, like: Tensor) -> Tensor:
    """Numbers of the host, one a row: shape (n,), with `like`'s dtype and device.

    They travel as arguments of an operation: to copy them there would make the host wait.
    """
    found = like.new_zeros(len(values))
    torch._foreach_add_(list(found.unbind()), list(values))
    return found
