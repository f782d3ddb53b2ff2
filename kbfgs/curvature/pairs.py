"""Moving averages of the curvature pair (s, y) of a layer's pre-activations."""

from __future__ import annotations

import torch
from torch import Tensor


class PairAverage:
    """s ← β s + (1-β)(mean h⁺ - mean h),  y ← β y + (1-β)(mean g⁺ - mean g).

    Attributes:
        step: s, shape (d,).
        change: y, shape (d,).
    """

    def __init__(self, step: Tensor, change: Tensor) -> None:
        self.step = step
        self.change = change

    def fold(
        self,
        output_change: Tensor,
        gradient_change: Tensor,
        *,
        decay: float,
        accepted: Tensor | None = None,
    ) -> Tensor:
        """Fold in one step's differences unless it was rejected or one of them is not finite.

        Returns:
            Whether they were folded in, a boolean scalar.
        """
        finite = torch.isfinite(output_change.sum() + gradient_change.sum())
        if accepted is not None:
            finite = finite & accepted
        self.step.lerp_(torch.where(finite, output_change, self.step), 1 - decay)
        self.change.lerp_(torch.where(finite, gradient_change, self.change), 1 - decay)
        return finite
