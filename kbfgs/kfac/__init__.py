"""K-FAC (Martens, Grosse 2015) on the seams of K-BFGS."""

from kbfgs.kfac.diagnostics import KFACDiagnostics, KFACLayerDiagnostics
from kbfgs.kfac.optimizer import KFAC

__all__ = ["KFAC", "KFACDiagnostics", "KFACLayerDiagnostics"]
