"""An inverse factor of limited memory: the last p pairs instead of the matrix."""

from __future__ import annotations

import torch
from torch import Tensor

from kbfgs.layout import aligned_empty
from kbfgs.linalg import compact_middle, judge_pair


class LimitedInverse:
    """H after BFGS updates of the identity by the last p pairs, which is never formed.

    With the pairs as the rows of S and Y, oldest first, R the upper triangle of S Yᵀ and D its
    diagonal, H has the compact form (Byrd, Nocedal, Schnabel 1994, theorem 2.2)

        H = I + [S; Y]ᵀ K [S; Y],   K = [R⁻ᵀ (D + Y Yᵀ) R⁻¹, -R⁻ᵀ; -R⁻¹, 0].

    The pairs stand in a ring: a new one takes the place of the oldest. S Yᵀ and Y Yᵀ are kept, so
    that an update costs O(d p). They and K have float64, for R may be badly conditioned: pairs
    that follow each other are nearly parallel. A slot that is still empty holds zeros.

    Attributes:
        pairs: S and Y by slot, shape (2, p, d).
        cross: s_iᵀ y_j by slot, float64, shape (p, p).
        gram: y_iᵀ y_j by slot, float64, shape (p, p).
        oldest: The slot that the next pair goes to, int64, shape (1,).
    """

    def __init__(self, dim: int, *, memory: int, like: Tensor) -> None:
        self.pairs = like.new_zeros(2, memory, dim)
        self.cross = like.new_zeros(memory, memory, dtype=torch.float64)
        self.gram = torch.zeros_like(self.cross)
        self.oldest = like.new_zeros(1, dtype=torch.int64)
        self._middle: Tensor | None = None

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n), by two products with the 2p vectors."""
        if self._middle is None:
            middle = compact_middle(self.cross, self.gram, self.oldest)
            self._middle = middle.to(self.pairs.dtype)
        rows = self.pairs.flatten(0, 1)
        inner = self._middle @ (rows @ operand)
        if operand.dim() == 1:
            return torch.addmv(operand, rows.t(), inner)
        out = aligned_empty(*operand.shape, like=operand)
        return torch.addmm(operand, rows.t(), inner, out=out)

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """Take the pair in unless it is unsafe; returns whether it was (boolean scalar).

        The rule is that of `bfgs_update_`. A pair that is skipped leaves the ring as it is.
        """
        products = judge_pair(step, change, self.times(change), floor=floor, allowed=allowed)
        made = products.made
        pair = torch.stack((step, change))
        _replace_(self.pairs, pair[:, None], at=self.oldest, dim=1, where=made)
        with_steps, with_changes = self.pairs.double() @ pair.double().t()
        _replace_(self.cross, with_changes[None, :, 0], at=self.oldest, dim=0, where=made)
        _replace_(self.cross, with_steps[:, None, 1], at=self.oldest, dim=1, where=made)
        _replace_(self.gram, with_changes[None, :, 1], at=self.oldest, dim=0, where=made)
        _replace_(self.gram, with_changes[:, None, 1], at=self.oldest, dim=1, where=made)
        self.oldest.add_(made).remainder_(self.pairs.shape[1])
        self._middle = None
        return made

    def tensors(self) -> dict[str, Tensor]:
        """The ring: all that `times` depends on."""
        return {
            "pairs": self.pairs,
            "pair_cross": self.cross,
            "pair_gram": self.gram,
            "pair_oldest": self.oldest,
        }


def _replace_(target: Tensor, values: Tensor, *, at: Tensor, dim: int, where: Tensor) -> None:
    """Put values at one index of a dimension, if the boolean scalar says so."""
    kept = target.index_select(dim, at)
    target.index_copy_(dim, at, torch.where(where, values, kept))
