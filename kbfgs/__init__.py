"""kbfgs: Kronecker-factored quasi-Newton (K-BFGS) as a PyTorch optimizer."""

from kbfgs.batch_head import curvature_rows
from kbfgs.config import Ablation, KBFGSConfig, Reduce, RowWeighting, Safeguard
from kbfgs.diagnostics import Diagnostics, LayerDiagnostics
from kbfgs.distributed.shares import merge_states
from kbfgs.errors import (
    ClosureError,
    ConfigurationError,
    DistributedError,
    IndefiniteFactorError,
    KBFGSError,
    NonFiniteLossError,
    StateError,
    UnsupportedModelError,
)
from kbfgs.kfac import KFAC, KFACDiagnostics, KFACLayerDiagnostics
from kbfgs.optimizer import KBFGS
from kbfgs.phases import PhaseSeconds
from kbfgs.registry import FirstOrderParameter

__version__ = "0.1.0"

__all__ = [
    "KBFGS",
    "KFAC",
    "Ablation",
    "ClosureError",
    "ConfigurationError",
    "Diagnostics",
    "DistributedError",
    "FirstOrderParameter",
    "IndefiniteFactorError",
    "KBFGSConfig",
    "KBFGSError",
    "KFACDiagnostics",
    "KFACLayerDiagnostics",
    "LayerDiagnostics",
    "NonFiniteLossError",
    "PhaseSeconds",
    "Reduce",
    "RowWeighting",
    "Safeguard",
    "StateError",
    "UnsupportedModelError",
    "curvature_rows",
    "merge_states",
]
