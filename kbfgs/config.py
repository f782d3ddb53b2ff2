"""The options of the optimizer as validated, frozen values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from kbfgs.errors import ConfigurationError

# The paper's number of pairs.
DEFAULT_MEMORY = 100


class Reduce(StrEnum):
    """What the ranks exchange to agree on the curvature.

    `VECTORS`: each rank keeps its share of A, and A s_a is summed.
    `MATRICES`: A is summed in every step, as packed triangles.
    """

    VECTORS = "vectors"
    MATRICES = "matrices"


class RowWeighting(StrEnum):
    """Who corrects DDP's plain average of gradients when the ranks' row counts differ.

    `HOOK`: the optimizer registers a communication hook on the DDP model.
    `LOSS`: the closure multiplies its local mean loss by rows x world size / all rows.
    """

    HOOK = "hook"
    LOSS = "loss"


def require_positive(name: str, value: float) -> None:
    """Raise `ConfigurationError` unless 0 < value < infinity."""
    if not (value > 0 and math.isfinite(value)):
        raise ConfigurationError(f"{name} must be > 0, got {value}")


def require_fraction(name: str, value: float) -> None:
    """Raise `ConfigurationError` unless 0 <= value < 1."""
    if not 0 <= value < 1:
        raise ConfigurationError(f"{name} must be >= 0 and < 1, got {value}")


@dataclass(frozen=True)
class Safeguard:
    """Limits of one step.

    The step is scaled down so that its predicted decrease keeps
    lr <M, H_g M H_a>  <=  cap * max(|loss|, loss_floor).
    After the second pass, a step after which the loss of the same rows is not finite, or with
    (loss before - loss after) < min_ratio <∇, W before - W after> and the right-hand product
    positive, is taken back, but for rises that are usual. K-FAC has no second pass and uses the
    cap alone.

    Attributes:
        cap: The largest predicted decrease, as a part of the loss (κ).
        loss_floor: The smallest |loss| that counts (ε), so that a loss can pass through zero.
        min_ratio: The smallest ratio of actual to promised decrease that is accepted; None leaves
            the ratio test out.
        recovery: What each accepted step multiplies the scale of the next one by, after a rejected
            step has halved it.
    """

    cap: float = 0.1
    loss_floor: float = 1e-2
    min_ratio: float | None = -1.0
    recovery: float = 1.1

    def __post_init__(self) -> None:
        require_positive("safeguard.cap", self.cap)
        require_positive("safeguard.loss_floor", self.loss_floor)
        if self.min_ratio is not None and not -math.inf < self.min_ratio < 1:
            raise ConfigurationError(f"safeguard.min_ratio must be < 1, got {self.min_ratio}")
        if not 1 < self.recovery < math.inf:
            raise ConfigurationError(f"safeguard.recovery must be > 1, got {self.recovery}")


def require_safeguard(value: object) -> None:
    """Raise `ConfigurationError` unless the value is a `Safeguard` or None."""
    if not isinstance(value, Safeguard | None):
        raise ConfigurationError(f"safeguard must be a kbfgs.Safeguard or None, got {value!r}")


def require_count(name: str, value: object) -> None:
    """Raise `ConfigurationError` unless the value is a whole number >= 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number >= 1, got {value!r}")


@dataclass(frozen=True)
class Ablation:
    """Parts of the method that are left out or replaced, to see what they are worth.

    Attributes:
        identity_output_factor: H_g = I instead of BFGS updates.
        input_inverse_every: T; H_a = (A + λ_A I)⁻¹ by Cholesky in every T-th step, with A of that
            step, instead of the update by Hessian action; not in a step that `update_every` skips.
        powell_damping: Whether a pair is damped against H_g.
        identity_damping: Whether a pair is then damped against the identity.
    """

    identity_output_factor: bool = False
    input_inverse_every: int | None = None
    powell_damping: bool = True
    identity_damping: bool = True

    def __post_init__(self) -> None:
        for name in ("identity_output_factor", "powell_damping", "identity_damping"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ConfigurationError(f"ablation.{name} must be True or False, got {value!r}")
        if self.input_inverse_every is not None:
            require_count("ablation.input_inverse_every", self.input_inverse_every)


@dataclass(frozen=True)
class CurvatureOptions:
    """The forms of the curvature.

    Attributes:
        memory: p, the pairs that stand for H_g; None forms H_g.
        max_factor_dim: The largest H_g that is formed.
        ablation: Parts of the method that are left out.
    """

    memory: int | None = None
    max_factor_dim: int = 8192
    ablation: Ablation = Ablation()

    def memory_for(self, dim: int) -> int | None:
        """The pairs that stand for an H_g of this size, or None where it is formed."""
        if self.memory is None and dim > self.max_factor_dim:
            return DEFAULT_MEMORY
        return self.memory


@dataclass(frozen=True)
class KBFGSConfig:
    """The options of `KBFGS`, with the paper's settings as defaults.

    Attributes:
        lr: Step size α of the preconditioned layers.
        damping: λ; the input factor gets √λ on its diagonal, and μ₂ = min(√λ, 0.9).
        momentum: Decay of the moving average of the gradient.
        factor_decay: Decay β of the moving averages of A, s and y.
        weight_decay: τ; adds τW to the gradient. For all other parameters it is AdamW's.
        powell: μ₁, the threshold of Powell's damping on H_g.
        other_lr: Learning rate of the inner AdamW for every other parameter.
        safeguard: Limits of a step; None is the paper exactly.
        reduce: What ranks exchange under DDP; None makes the ranks independent.
        row_weighting: How uneven row counts of the ranks are corrected in DDP's average.
        max_factor_dim: Layers with a larger input side go to the inner AdamW, those with a larger
            output side keep the last 100 pairs.
        memory: p; K-BFGS(L) keeps the last p pairs instead of H_g. None is K-BFGS.
        ablation: Parts of the method that are left out; None is the whole method.
        curvature_fraction: f; A and the pairs come from the first ⌈f·B⌉ of B rows.
        update_every: T; the curvature is updated, by a second pass, in every T-th step.
    """

    lr: float = 0.3
    damping: float = 0.3
    momentum: float = 0.9
    factor_decay: float = 0.9
    weight_decay: float = 0.0
    powell: float = 0.2
    other_lr: float = 1e-3
    safeguard: Safeguard | None = Safeguard()
    reduce: str | None = Reduce.VECTORS.value
    row_weighting: str | None = None
    max_factor_dim: int = 8192
    memory: int | None = None
    ablation: Ablation | None = None
    curvature_fraction: float = 1.0
    update_every: int = 1

    def __post_init__(self) -> None:
        for name in ("lr", "damping", "other_lr"):
            require_positive(name, getattr(self, name))
        for name in ("momentum", "factor_decay"):
            require_fraction(name, getattr(self, name))
        if not 0 < self.powell < 1:
            raise ConfigurationError(f"powell must be > 0 and < 1, got {self.powell}")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ConfigurationError(f"weight_decay must be >= 0, got {self.weight_decay}")
        if not 0 < self.curvature_fraction <= 1:
            raise ConfigurationError(
                f"curvature_fraction must be > 0 and <= 1, got {self.curvature_fraction}"
            )
        require_safeguard(self.safeguard)
        for name in ("update_every", "max_factor_dim"):
            require_count(name, getattr(self, name))
        self._check_choices()
        self._check_curvature()

    @property
    def curvature(self) -> CurvatureOptions:
        """The forms of the curvature."""
        return CurvatureOptions(self.memory, self.max_factor_dim, self.ablation or Ablation())

    def _check_curvature(self) -> None:
        if not isinstance(self.ablation, Ablation | None):
            raise ConfigurationError(
                f"ablation must be a kbfgs.Ablation or None, got {self.ablation!r}"
            )
        if self.memory is None:
            return
        require_count("memory", self.memory)
        if self.curvature.ablation.identity_output_factor:
            raise ConfigurationError(
                "ablation.identity_output_factor leaves no pairs to remember: leave memory out, "
                f"got {self.memory}"
            )

    def _check_choices(self) -> None:
        if self.reduce not in (None, *Reduce):
            raise ConfigurationError(
                f"reduce must be 'vectors', 'matrices' or None, got {self.reduce!r}"
            )
        if self.row_weighting not in (None, *RowWeighting):
            raise ConfigurationError(
                f"row_weighting must be 'hook', 'loss' or None, got {self.row_weighting!r}"
            )
