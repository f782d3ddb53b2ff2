"""A dense inverse factor, and the input factor A with its inverse by Hessian action."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kbfgs.layout import aligned_copy, aligned_product
from kbfgs.linalg import (
    accumulate_gram_,
    bfgs_terms,
    bfgs_update_,
    damped_inverse,
    try_damped_inverse,
)


class DenseInverse:
    """H as a full matrix of shape (d, d)."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = aligned_copy(matrix)

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n)."""
        if operand.dim() == 2:
            return aligned_product(self.matrix, operand)
        return self.matrix.mv(operand)

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """BFGS update in place; returns whether it was made (boolean scalar)."""
        return bfgs_update_(self.matrix, step, change, floor=floor, allowed=allowed)

    def tensors(self) -> dict[str, Tensor]:
        """The matrix."""
        return {"inverse": self.matrix}


class DenseInverses:
    """Several H of one size, each of which stays where it is; shape (n, d, d) together."""

    def __init__(self, inverses: Sequence[DenseInverse]) -> None:
        self._matrices = [inverse.matrix for inverse in inverses]
        self.stack = torch.stack(self._matrices)

    def times(self, operand: Tensor) -> Tensor:
        """Each H x for vectors (n, d)."""
        return torch.bmm(self.stack, operand[..., None])[..., 0]

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """BFGS updates in place; returns which were made, boolean, shape (n,)."""
        update = bfgs_terms(step, change, self.times(change), floor=floor, allowed=allowed)
        torch._foreach_add_(self._matrices, torch.bmm(*update.factors).unbind(0))
        return update.made


class InputFactor:
    """This rank's share of A, the moving average of ā āᵀ, and H_a ≈ (A + λ_A I)⁻¹.

    A is linear in the data, so the shares of all ranks sum to A, while H_a is the same on each.

    Attributes:
        share: A_r, shape (d, d).
        inverse: H_a; None until the first data have been seen.
    """

    def __init__(self, share: Tensor, inverse: DenseInverse | None = None) -> None:
        self.share = share
        self.inverse = inverse

    def start(self, total: Tensor, *, damping: float) -> None:
        """Set H_a = (A + λ_A I)⁻¹ from A summed over the ranks."""
        self.inverse = DenseInverse(damped_inverse(total, damping))

    def refresh(self, total: Tensor, *, damping: float) -> Tensor:
        """Set H_a = (A + λ_A I)⁻¹ again, or keep H_a where A is not finite.

        Returns:
            Whether it was set, a boolean scalar.
        """
        inverse, definite = try_damped_inverse(total, damping)
        matrix = self.require_inverse().matrix
        matrix.copy_(torch.where(definite, inverse, matrix))
        return definite

    def accumulate(
        self, inputs: list[Tensor], input_sums: list[Tensor], *, decay: float, weight: float
    ) -> None:
        """A_r ← decay A_r + weight Σ ā āᵀ over all the rows of `inputs`."""
        for rows, row_sum in zip(inputs, input_sums, strict=True):
            accumulate_gram_(self.share, rows, row_sum, decay=decay, weight=weight)
            decay = 1.0

    def probe(self, mean_input: Tensor) -> tuple[Tensor, Tensor]:
        """s_a = H_a mean(ā), and this rank's part A_r s_a of A s_a."""
        step = self.require_inverse().times(mean_input)
        return step, self.share.mv(step)

    def act(self, step: Tensor, action: Tensor, *, damping: float) -> Tensor:
        """Hessian action: H_a ← BFGS(H_a, s_a, A s_a + λ_A s_a); returns whether it was made."""
        change = torch.add(action, step, alpha=damping)
        allowed = torch.ones((), dtype=torch.bool, device=step.device)
        return self.require_inverse().update(step, change, floor=0.0, allowed=allowed)

    def require_inverse(self) -> DenseInverse:
        """H_a, which exists from the first step or the warm start on."""
        if self.inverse is None:
            raise RuntimeError("the input factor has seen no data yet")
        return self.inverse
