"""Matrices whose rows start on 64-byte lines.

[W b] and A have an odd number of columns where the layer has an even number of inputs. Products
of such matrices take up to a third longer on a CPU, unless the rows lie as if they were longer.
"""

from __future__ import annotations

import torch
from torch import Tensor

LINE_BYTES = 64


def aligned_empty(rows: int, columns: int, *, like: Tensor) -> Tensor:
    """A matrix (rows, columns) with `like`'s dtype and device, not filled."""
    line = LINE_BYTES // like.element_size()
    stride = -(-columns // line) * line
    return like.new_empty(rows, stride)[:, :columns]


def aligned_zeros(rows: int, columns: int, *, like: Tensor) -> Tensor:
    """A matrix of zeros (rows, columns) with `like`'s dtype and device."""
    return aligned_empty(rows, columns, like=like).zero_()


def aligned_copy(matrix: Tensor) -> Tensor:
    """The same matrix, with its rows on lines."""
    return aligned_empty(*matrix.shape, like=matrix).copy_(matrix)


def aligned_product(left: Tensor, right: Tensor) -> Tensor:
    """X Y for matrices (m, k) and (k, n), with its rows on lines."""
    out = aligned_empty(left.shape[0], right.shape[1], like=left)
    return torch.mm(left, right, out=out)
