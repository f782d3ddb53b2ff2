"""The options of `KFAC` as validated, frozen values."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kbfgs.config import (
    RowWeighting,
    Safeguard,
    require_count,
    require_fraction,
    require_positive,
    require_safeguard,
)
from kbfgs.errors import ConfigurationError

REDUCE_FACTORS = "matrices"


@dataclass(frozen=True)
class KFACConfig:
    """The options of `KFAC`, with the settings published for the MNIST autoencoder as defaults.

    Attributes:
        lr: Step size α of the preconditioned layers.
        damping: λ; both factors get √λ on their diagonal.
        momentum: Decay of the moving average of the gradient.
        factor_decay: Decay of the moving averages of A and G.
        weight_decay: τ; adds τW to the gradient. For all other parameters it is AdamW's.
        inverse_every: Steps from one inversion of A and G to the next, after the first 20 steps.
        other_lr: Learning rate of the inner AdamW for every other parameter.
        safeguard: Limits of a step; None is plain K-FAC.
        reduce: "matrices": ranks sum A and G under DDP; None makes the ranks independent.
        row_weighting: How uneven row counts of the ranks are corrected in DDP's average.
        max_factor_dim: Layers with a larger side go to the inner AdamW.
    """

    lr: float = 1.0
    damping: float = 3.0
    momentum: float = 0.9
    factor_decay: float = 0.9
    weight_decay: float = 0.0
    inverse_every: int = 20
    other_lr: float = 1e-3
    safeguard: Safeguard | None = Safeguard()  # noqa: RUF009 - frozen, so safe to share
    reduce: str | None = REDUCE_FACTORS
    row_weighting: str | None = None
    max_factor_dim: int = 8192

    def __post_init__(self) -> None:
        for name in ("lr", "damping", "other_lr"):
            require_positive(name, getattr(self, name))
        for name in ("momentum", "factor_decay"):
            require_fraction(name, getattr(self, name))
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ConfigurationError(f"weight_decay must be >= 0, got {self.weight_decay}")
        require_safeguard(self.safeguard)
        for name in ("inverse_every", "max_factor_dim"):
            require_count(name, getattr(self, name))
        if self.reduce not in (None, REDUCE_FACTORS):
            raise ConfigurationError(
                f"reduce must be {REDUCE_FACTORS!r} or None for KFAC, got {self.reduce!r}"
            )
        if self.row_weighting not in (None, *RowWeighting):
            raise ConfigurationError(
                f"row_weighting must be 'hook', 'loss' or None, got {self.row_weighting!r}"
            )


@dataclass(frozen=True)
class KFACSettings:
    """The numbers of one step, as they stand in the first parameter group."""

    lr: float
    damping: float
    momentum: float
    factor_decay: float
    weight_decay: float

    def factor_damping(self, positions: float) -> tuple[float, float]:
        """λ_A √|T| and λ_G / √|T| with λ_A = λ_G = √λ, for |T| positions of a sample."""
        return math.sqrt(self.damping * positions), math.sqrt(self.damping / positions)
