"""The inverses H_g of the layers' output sides: which form they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from kbfgs.config import CurvatureOptions
from kbfgs.curvature.dense import DenseInverse, DenseInverses
from kbfgs.curvature.limited import LimitedInverse, LimitedInverses


class OutputInverse(Protocol):
    """H of one layer, symmetric positive definite, shape (d, d); starts as the identity."""

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n)."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by name, not copied."""
        ...


class OutputInverses(Protocol):
    """H of several layers in one form; vectors are rows (n, longest), with zeros behind each."""

    def times(self, operand: Tensor) -> Tensor:
        """Each H x for vectors (n, longest)."""
        ...

    def times_each(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """Each H X for matrices X of shape (d, m)."""
        ...

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """Update each by a pair unless that is unsafe; returns which were, boolean (n,)."""
        ...


class FixedIdentity:
    """H = I for good, of one layer or several: the ablation without curvature of outputs."""

    def times(self, operand: Tensor) -> Tensor:
        """X itself."""
        return operand

    def times_each(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """They themselves."""
        return list(operands)

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


def together(
    inverses: Sequence[OutputInverse], runs: Sequence[slice] | None = None
) -> OutputInverses:
    """Inverses in one form, to be worked on together.

    Args:
        inverses: All of one class, and of one memory if they have one.
        runs: As `Matrices` takes them.
    """
    dense = [each.matrix for each in inverses if isinstance(each, DenseInverse)]
    limited = [each for each in inverses if isinstance(each, LimitedInverse)]
    if dense:
        return DenseInverses(dense, runs)
    return LimitedInverses(limited) if limited else FixedIdentity()


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
