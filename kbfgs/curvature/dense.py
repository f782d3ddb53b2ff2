"""Dense inverse factors, one by one and together, and the input factor A with its inverse."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kbfgs.layout import aligned_copy, aligned_product
from kbfgs.linalg import bfgs_terms, damped_inverse, try_damped_inverse


class DenseInverse:
    """H as a full matrix of shape (d, d)."""

    def __init__(self, matrix: Tensor) -> None:
        self.matrix = aligned_copy(matrix)

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n)."""
        if operand.dim() == 2:
            return aligned_product(self.matrix, operand)
        return self.matrix.mv(operand)

    def tensors(self) -> dict[str, Tensor]:
        """The matrix."""
        return {"inverse": self.matrix}


class Matrices:
    """Square matrices of several sizes, each of which stays where it is.

    Args:
        matrices: Each of shape (d, d); changed by `add_` alone.
        runs: Slices that divide them. Those of a run are of one size, and one call multiplies by
            all of them; by default each is a run of its own.
    """

    def __init__(self, matrices: Sequence[Tensor], runs: Sequence[slice] | None = None) -> None:
        self._matrices = matrices
        self._sizes = [matrix.shape[0] for matrix in matrices]
        self._runs = [slice(k, k + 1) for k in range(len(matrices))] if runs is None else runs
        self._stacks: dict[int, Tensor] = {}

    def times(self, operand: Tensor) -> Tensor:
        """Each X v for the rows v of an array (n, longest); zeros behind each."""
        products = operand.new_zeros(operand.shape)
        for run in self._runs:
            first, size = run.start, self._sizes[run.start]
            if _is_one(run):
                vector = _row(operand, first, size)
                torch.mv(self._matrices[first], vector, out=_row(products, first, size))
            else:
                vectors = operand[run, :size, None]
                products[run, :size] = torch.bmm(self._stack(run), vectors)[..., 0]
        return products

    def add_(self, left: Tensor, right: Tensor) -> None:
        """Each X ← X + L Rᵀ, for L and R of shape (n, longest, k)."""
        for run in self._runs:
            first, size = run.start, self._sizes[run.start]
            if _is_one(run):
                factor = _row(left, first, size)
                self._matrices[first].addmm_(factor, _row(right, first, size).t())
            else:
                products = torch.bmm(left[run, :size], right[run, :size].mT)
                torch._foreach_add_(list(self._matrices[run]), list(products.unbind()))
        self._stacks.clear()

    def _stack(self, run: slice) -> Tensor:
        if run.start not in self._stacks:
            self._stacks[run.start] = torch.stack(tuple(self._matrices[run]))
        return self._stacks[run.start]


class DenseInverses(Matrices):
    """Several H."""

    def times_each(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """Each H X for matrices X."""
        products: list[Tensor] = []
        for run in self._runs:
            if _is_one(run):
                products.append(aligned_product(self._matrices[run.start], operands[run.start]))
            else:
                products += torch.bmm(self._stack(run), torch.stack(tuple(operands[run]))).unbind()
        return products

    def each_times(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """Each X H for matrices X."""
        products: list[Tensor] = []
        for run in self._runs:
            if _is_one(run):
                products.append(aligned_product(operands[run.start], self._matrices[run.start]))
            else:
                products += torch.bmm(torch.stack(tuple(operands[run])), self._stack(run)).unbind()
        return products

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """BFGS updates in place; returns which were made, boolean, shape (n,)."""
        update = bfgs_terms(step, change, self.times(change), floor=floor, allowed=allowed)
        self.add_(*update.factors)
        return update.made


def _row(array: Tensor, index: int, size: int) -> Tensor:
    """What an array has of one of its rows, without what stands behind it."""
    return array[index].narrow(0, 0, size)


def _is_one(run: slice) -> bool:
    return bool(run.stop - run.start == 1)


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

    def require_inverse(self) -> DenseInverse:
        """H_a, which exists from the first step or the warm start on."""
        if self.inverse is None:
            raise RuntimeError("the input factor has seen no data yet")
        return self.inverse
