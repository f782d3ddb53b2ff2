"""Inverse factors of limited memory: the last p pairs instead of the matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kbfgs.layout import aligned_empty
from kbfgs.linalg import compact_middle, judge_pair
from kbfgs.padded import cut, padded


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
        middle: K by slot in the dtype of the pairs, shape (2p, 2p); None until it is asked for.
    """

    def __init__(self, dim: int, *, memory: int, like: Tensor) -> None:
        self.pairs = like.new_zeros(2, memory, dim)
        self.cross = like.new_zeros(memory, memory, dtype=torch.float64)
        self.gram = torch.zeros_like(self.cross)
        self.oldest = like.new_zeros(1, dtype=torch.int64)
        self.middle: Tensor | None = None

    def times(self, operand: Tensor) -> Tensor:
        """H X for a vector (d,) or a matrix (d, n), by two products with the 2p vectors."""
        if self.middle is None:
            form_middles([self])
        assert self.middle is not None
        rows = self.pairs.flatten(0, 1)
        inner = self.middle @ (rows @ operand)
        if operand.dim() == 1:
            return torch.addmv(operand, rows.t(), inner)
        out = aligned_empty(*operand.shape, like=operand)
        return torch.addmm(operand, rows.t(), inner, out=out)

    def replace_oldest(self, pair: Tensor, *, where: Tensor) -> None:
        """Put a pair (2, d) in the place of the oldest, if the boolean scalar says so."""
        kept = self.pairs.index_select(1, self.oldest)
        self.pairs.index_copy_(1, self.oldest, torch.where(where, pair[:, None], kept))

    def tensors(self) -> dict[str, Tensor]:
        """The ring: all that `times` depends on."""
        return {
            "pairs": self.pairs,
            "pair_cross": self.cross,
            "pair_gram": self.gram,
            "pair_oldest": self.oldest,
        }


class LimitedInverses:
    """Several H of one memory p, each of which stays where it is."""

    def __init__(self, inverses: Sequence[LimitedInverse]) -> None:
        self._inverses = inverses

    def times(self, operand: Tensor) -> Tensor:
        """Each H x for the rows x of an array (n, longest); zeros behind each."""
        return padded(self.times_each(self._vectors(operand)), width=operand.shape[1])[0]

    def times_each(self, operands: Sequence[Tensor]) -> list[Tensor]:
        """Each H X for vectors or matrices X."""
        form_middles(self._inverses)
        return [each.times(x) for each, x in zip(self._inverses, operands, strict=True)]

    def update(
        self, step: Tensor, change: Tensor, *, floor: Tensor | float, allowed: Tensor
    ) -> Tensor:
        """Take each pair in unless it is unsafe; returns which were, boolean, shape (n,).

        The rule is that of `bfgs_terms`. A pair that is skipped leaves its ring as it is.
        """
        made = judge_pair(step, change, self.times(change), floor=floor, allowed=allowed).made
        oldest = torch.cat([each.oldest for each in self._inverses])
        pairs = torch.stack((step, change), -1)
        new, wide = self._vectors(pairs), self._vectors(pairs.double())
        products: list[Tensor] = []
        for index, inverse in enumerate(self._inverses):
            inverse.replace_oldest(new[index].t(), where=made[index])
            products.append(inverse.pairs.double() @ wide[index])
        self._replace_products(torch.stack(products), oldest, made)
        following = (oldest + made).remainder(len(self._inverses[0].cross))
        torch._foreach_copy_(
            [each.oldest for each in self._inverses], list(following[:, None].unbind())
        )
        for each in self._inverses:
            each.middle = None
        return made

    def _replace_products(self, products: Tensor, oldest: Tensor, made: Tensor) -> None:
        """Put the products with the new pairs in S Yᵀ and Y Yᵀ.

        Args:
            products: [S; Y] [s, y] with S and Y as they are now, shape (n, 2, p, 2).
            oldest: The slots of the new pairs, shape (n,).
            made: Which pairs were taken in, boolean, shape (n,).
        """
        crosses = [each.cross for each in self._inverses]
        grams = [each.gram for each in self._inverses]
        slots = torch.arange(products.shape[2], device=products.device)
        taken = (slots == oldest[:, None]) & made[:, None]
        rows = torch.stack((products[:, 1, :, 0], products[:, 1, :, 1]))
        columns = torch.stack((products[:, 0, :, 1], products[:, 1, :, 1]))
        both = torch.stack((torch.stack(crosses), torch.stack(grams)))
        both = torch.where(taken[..., None], rows[..., None, :], both)
        both = torch.where(taken[..., None, :], columns[..., None], both)
        torch._foreach_copy_([*crosses, *grams], list(both.flatten(0, 1).unbind()))

    def _vectors(self, array: Tensor) -> list[Tensor]:
        return cut(array, [each.pairs.shape[2] for each in self._inverses])


def form_middles(inverses: Sequence[LimitedInverse]) -> None:
    """Form K of inverses of one memory, unless it is there."""
    if all(each.middle is not None for each in inverses):
        return
    middles = compact_middle(
        torch.stack([each.cross for each in inverses]),
        torch.stack([each.gram for each in inverses]),
        torch.stack([each.oldest for each in inverses]),
    )
    for inverse, middle in zip(inverses, middles.to(inverses[0].pairs.dtype), strict=True):
        inverse.middle = middle
