"""A Kronecker factor of K-FAC: a moving average of outer products, and its damped inverse."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from kbfgs.layout import aligned_zeros
from kbfgs.linalg import accumulate_borders_, accumulate_gram_, try_damped_inverse


class Factor:
    """This rank's share of A or G, and (factor + √λ I)⁻¹ over all ranks.

    The factor is linear in the data, so the shares of all ranks sum to it at any time; they need
    to be summed only for an inversion.

    Attributes:
        share: Shape (d, d).
        inverse: Shape (d, d); zeros before the first inversion.
        known: Whether the share has seen data; boolean, shape (), on the CPU, so that to read it
            waits for no device.
    """

    def __init__(self, size: int, like: Tensor) -> None:
        self.share = aligned_zeros(size, size, like=like)
        self.inverse = aligned_zeros(size, size, like=like)
        self.known = torch.zeros((), dtype=torch.bool)

    @property
    def waits_for_data(self) -> bool:
        """Whether the next data are all of the average."""
        return not bool(self.known)

    def start(self, share: Tensor) -> None:
        """Set the average to one that a warm start has found."""
        self.share.copy_(share)
        self.known.fill_(True)

    def accumulate(
        self,
        blocks: Iterable[Tensor],
        *,
        decay: float,
        weight: float,
        total: tuple[Tensor, float] | None = None,
    ) -> None:
        """Share ← β share + (1-β) weight Σ r rᵀ over all rows; the first data are all of it.

        Args:
            blocks: Blocks of rows r.
            decay: β.
            weight: Factor of the sum.
            total: The sum of all rows and their number, where a one stands behind each.
        """
        decay = 0.0 if self.waits_for_data else decay
        weight *= 1 - decay
        if total is not None:
            row_sum, count = total
            accumulate_borders_([self.share], [row_sum], [count], decay=decay, weight=weight)
        for part in blocks:
            accumulate_gram_(self.share, part, decay=decay, weight=weight)
            decay = 1.0
        self.known.fill_(True)

    def invert(self, total: Tensor, *, damping: float) -> Tensor:
        """Set the inverse to (total + damping I)⁻¹, or keep the old one where there is none.

        Args:
            total: The factor summed over the ranks, shape (d, d); its lower triangle is read.
            damping: √λ.

        Returns:
            Whether there is one, a boolean scalar; it is not read here.
        """
        inverse, definite = try_damped_inverse(total, damping)
        self.inverse.copy_(torch.where(definite, inverse, self.inverse))
        return definite

    def residual(self, *, damping: float) -> float | None:
        """‖inverse (share + damping I)v - v‖ for a random unit vector v, always the same."""
        if self.waits_for_data:
            return None
        generator = torch.Generator().manual_seed(0)
        vector = torch.randn(len(self.share), dtype=torch.float64, generator=generator)
        vector = (vector / vector.norm()).to(self.share)
        image = self.inverse @ (self.share @ vector + damping * vector)
        return float((image - vector).norm())
