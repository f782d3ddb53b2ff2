"""Limits of a step: how much of it may be taken."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kbfgs.config import Safeguard


def predicted_decrease(momenta: Sequence[Tensor], directions: Sequence[Tensor]) -> Tensor:
    """Σ over layers of <M, D> with D = H_g M H_a, a scalar."""
    products = [
        (momentum * direction).sum()
        for momentum, direction in zip(momenta, directions, strict=True)
    ]
    return torch.stack(products).sum()


def step_scale(safeguard: Safeguard, *, lr: float, predicted: Tensor, loss: Tensor) -> Tensor:
    """The part of the step to take: lr scale <M, D> <= cap max(|loss|, loss_floor).

    Args:
        safeguard: The limits.
        lr: α.
        predicted: <M, D>, a scalar.
        loss: The mean loss before the step, a scalar.

    Returns:
        A scalar in (0, 1].
    """
    allowed = safeguard.cap * loss.abs().clamp(min=safeguard.loss_floor).to(predicted.dtype)
    wanted = lr * predicted
    return torch.where(wanted > allowed, allowed / wanted, 1.0)
