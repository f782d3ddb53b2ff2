"""Double damping of a curvature pair: pure functions of vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot

IDENTITY_THRESHOLD_CAP = 0.9


@dataclass(frozen=True)
class DampedPair:
    """A pair that is safe for a BFGS update, and which dampings changed it.

    Attributes:
        step: s̃, shape (..., d).
        change: ỹ, shape (..., d).
        powell: Whether Powell's damping on H was needed, boolean, shape (...).
        identity: Whether the damping against the identity was needed, boolean, shape (...).
    """

    step: Tensor
    change: Tensor
    powell: Tensor
    identity: Tensor


def identity_threshold(damping: float, *, positions: float = 1.0) -> float:
    """μ₂ = min(λ_G, 0.9) with λ_G = √λ / √|T|; θ₂ needs μ₂ < 1.

    Args:
        damping: λ.
        positions: |T|, the positions of a sample.
    """
    return min(math.sqrt(damping / positions), IDENTITY_THRESHOLD_CAP)


def double_damping(
    step: Tensor,
    change: Tensor,
    inverse_change: Tensor,
    *,
    powell: float | None,
    identity: Tensor | float | None,
) -> DampedPair:
    """Damp (s, y) first against H, then against the identity.

    1. if sᵀy < μ₁ yᵀHy:   θ₁ = (1-μ₁) yᵀHy / (yᵀHy - sᵀy),   s̃ = θ₁ s + (1-θ₁) Hy
    2. if s̃ᵀy < μ₂ s̃ᵀs̃:   θ₂ = (1-μ₂) s̃ᵀs̃ / (s̃ᵀs̃ - s̃ᵀy),   ỹ = θ₂ y + (1-θ₂) s̃

    so that s̃ᵀy >= μ₁ yᵀHy and s̃ᵀỹ >= μ₂ s̃ᵀs̃ (Goldfarb, Ren, Bahamou 2020, section 4).

    Args:
        step: s, shape (..., d).
        change: y, shape (..., d).
        inverse_change: Hy, shape (..., d).
        powell: μ₁; None leaves the first damping out.
        identity: μ₂ < 1, a number or shape (...); None leaves the second damping out.
    """
    target = vecdot(change, inverse_change)
    theta_1, powell_needed = _blend(vecdot(step, change), target, threshold=powell)
    damped_step = theta_1 * step + (1 - theta_1) * inverse_change
    length = vecdot(damped_step, damped_step)
    theta_2, identity_needed = _blend(vecdot(damped_step, change), length, threshold=identity)
    damped_change = theta_2 * change + (1 - theta_2) * damped_step
    return DampedPair(damped_step, damped_change, powell_needed, identity_needed)


def _blend(
    product: Tensor, target: Tensor, *, threshold: Tensor | float | None
) -> tuple[Tensor, Tensor]:
    """θ = (1-μ) target / (target - product) where product < μ target, else 1; shape (..., 1)."""
    if threshold is None:
        return torch.ones_like(product)[..., None], torch.zeros_like(product, dtype=torch.bool)
    gap = target - product
    needed = (product < threshold * target) & (gap > 0)
    theta = torch.where(needed, (1 - threshold) * target / gap, 1.0)
    return theta[..., None], needed
