"""Curvature pairs (s, y) of pre-activations: their moving averages, and what H_g learns of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot, vector_norm

from kbfgs.curvature.output import OutputInverses
from kbfgs.damping import double_damping

# The authors skip an update of H_g when s̃ᵀỹ <= 1e-4 ‖s̃‖² ‖mean g‖.
CURVATURE_FLOOR = 1e-4


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


@dataclass(frozen=True)
class PairRules:
    """How curvature pairs are averaged and damped.

    Attributes:
        decay: β.
        powell: μ₁; None leaves Powell's damping out.
        identity: μ₂, shape (n,), as it depends on a layer's positions; None leaves the damping
            against the identity out.
    """

    decay: float
    powell: float | None
    identity: Tensor | None


@dataclass(frozen=True)
class MeanChanges:
    """What the step did to the means of h and g, and g before it; each of shape (n, longest)."""

    outputs: Tensor
    gradients: Tensor
    gradients_before: Tensor


@dataclass(frozen=True)
class PairOutcome:
    """What became of the pairs.

    Attributes:
        curvature: sᵀy before the damping, shape (n,).
        counts: Whether Powell's damping and that against the identity changed each, and whether
            the update was skipped; int64, shape (n, 3).
    """

    curvature: Tensor
    counts: Tensor


def learn_pairs(
    pairs: PairAverage,
    inverses: OutputInverses,
    changes: MeanChanges,
    *,
    rules: PairRules,
    accepted: Tensor | None,
) -> PairOutcome:
    """Average (s, y), damp a copy twice, and update H_g by it, unless the step was rejected.

    Args:
        pairs: s and y of n layers, shape (n, longest); changed in place.
        inverses: H_g of each; changed in place.
        changes: By which s and y move.
        rules: How it is done.
        accepted: Whether the step stands, a boolean scalar, or None where nobody asks.
    """
    finite = pairs.fold(changes.outputs, changes.gradients, decay=rules.decay, accepted=accepted)
    product = inverses.times(pairs.change)
    damped = double_damping(
        pairs.step, pairs.change, product, powell=rules.powell, identity=rules.identity
    )
    floor = CURVATURE_FLOOR * vector_norm(changes.gradients_before, dim=-1)
    made = inverses.update(damped.step, damped.change, floor=floor, allowed=finite)
    counts = torch.stack((damped.powell, damped.identity, ~made), -1).to(torch.int64)
    return PairOutcome(vecdot(pairs.step, pairs.change), counts)
