"""One H by itself, updated as those of a model are updated together."""

from __future__ import annotations

from torch import Tensor

from kbfgs.curvature.dense import DenseInverses
from kbfgs.curvature.output import OutputInverse, OutputInverses, together


def update(
    inverse: OutputInverse, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
) -> Tensor:
    """Update H by one pair; returns whether it was, a boolean scalar."""
    return _only(together([inverse]), step, change, floor, allowed)


def bfgs_update_(
    matrix: Tensor, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
) -> Tensor:
    """The same for H as a matrix (d, d), in place."""
    return _only(DenseInverses([matrix]), step, change, floor, allowed)


def _only(
    inverses: OutputInverses, step: Tensor, change: Tensor, floor: Tensor | float, allowed: Tensor
) -> Tensor:
    made = inverses.update(step[None], change[None], floor=floor, allowed=allowed[None])
    assert made.shape == (1,)
    return made[0]
