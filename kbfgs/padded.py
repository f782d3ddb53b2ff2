"""Vectors of several lengths as the rows of one array, for one operation on all of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def padded(*families: Sequence[Tensor], fill: float = 0.0, width: int | None = None) -> Tensor:
    """The vectors as the rows of an array, with a number behind each.

    Args:
        families: Each with n vectors, the k-th of which are of one length.
        fill: The number.
        width: The length of the rows; by default that of the longest vector.

    Returns:
        Shape (families, n, width).
    """
    first = families[0]
    if width is None:
        width = max(map(len, first))
    array = first[0].new_full((len(families), len(first), width), fill)
    vectors = [vector for family in families for vector in family]
    torch._foreach_copy_(cut(array.flatten(0, 1), [len(vector) for vector in vectors]), vectors)
    return array


def cut(array: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """The n parts of an array (n, width, ...), cut to these lengths; they lie in it."""
    return [row.narrow(0, 0, size) for row, size in zip(array.unbind(), lengths, strict=True)]


def numbers(values: Sequence[float], *, like: Tensor) -> Tensor:
    """Numbers of the host, one a row: shape (n,), with `like`'s dtype and device.

    They travel as arguments of an operation: to copy them there would make the host wait.
    """
    found = like.new_zeros(len(values))
    torch._foreach_add_(list(found.unbind()), list(values))
    return found
