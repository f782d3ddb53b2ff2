"""Moving averages of the curvature pair (s, y) of a layer's pre-activations."""

from __future__ import annotations

import torch
from torch import Tensor


class PairAverage:
    """s ← β s + (1-β)(mean h⁺ - mean h),  y ← β y + (1-β)(mean g⁺ - mean g).

    Attributes:
        step: s, shape (..., d).
        change: y, shape (..., d).
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
            Whether they were folded in, boolean, shape (...).
        """
        finite = torch.isfinite(output_change.sum(-1) + gradient_change.sum(-1))
        if accepted is not None:
            finite = finite & accepted
        kept = finite[..., None]
        self.step.lerp_(torch.where(kept, output_change, self.step), 1 - decay)
        self.change.lerp_(torch.where(kept, gradient_change, self.change), 1 - decay)
        return finite
