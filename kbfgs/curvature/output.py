"""The inverse H_g of a layer's output side: which form it takes."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from kbfgs.config import CurvatureOptions
from kbfgs.curvature.dense import DenseInverse
from kbfgs.curvature.limited import LimitedInverse


class Inverse(Protocol):
    """H, symmetric positive definite, shape (..., d, d)."""

    def times(self, operand: Tensor) -> Tensor:
        """H x for vectors (..., d)."""
        ...

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """Update by one pair unless it is unsafe; returns whether it was, boolean (...)."""
        ...


class OutputInverse(Inverse, Protocol):
    """H of one layer, shape (d, d), that starts as the identity."""

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by name, not copied."""
        ...


class FixedIdentity:
    """H = I for good: the ablation without curvature on the output side."""

    def times(self, operand: Tensor) -> Tensor:
        """X itself."""
        return operand

    def update(
        self,
        step: Tensor,  # noqa: ARG002
        change: Tensor,  # noqa: ARG002
        *,
        floor: Tensor | float,  # noqa: ARG002
        allowed: Tensor,
    ) -> Tensor:
        """Nothing to update, and nothing is counted as skipped."""
        return torch.ones_like(allowed)

    def tensors(self) -> dict[str, Tensor]:
        """Nothing is remembered."""
        return {}


def new_output_inverse(dim: int, options: CurvatureOptions, *, like: Tensor) -> OutputInverse:
    """The identity in the form that the options ask for.

    Args:
        dim: d, the layer's output side.
        options: The forms of the curvature.
        like: A tensor whose dtype and device are taken.
    """
    if options.ablation.identity_output_factor:
        return FixedIdentity()
    memory = options.memory_for(dim)
    if memory is not None:
        return LimitedInverse(dim, memory=memory, like=like)
    return DenseInverse(torch.eye(dim, dtype=like.dtype, device=like.device))
