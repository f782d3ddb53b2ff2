"""What `KFAC.diagnostics` returns."""

from __future__ import annotations

from dataclasses import dataclass

from kbfgs.phases import PhaseSeconds
from kbfgs.registry import FirstOrderParameter


@dataclass(frozen=True)
class KFACLayerDiagnostics:
    """One preconditioned layer.

    Attributes:
        name: The module's name inside the model.
        input_residual: ‖(A + √λ I)⁻¹(A + √λ I)v - v‖ for a random unit v, with the inverse as
            used and A as it stands, which moves on between inversions; None before the first
            inversion, and with several ranks, none of which knows all of A.
        output_residual: The same of G.
        bytes_held: Bytes of the layer's state.
    """

    name: str
    input_residual: float | None
    output_residual: float | None
    bytes_held: int


@dataclass(frozen=True)
class KFACDiagnostics:
    """The optimizer after its last step.

    Attributes:
        steps: Steps taken.
        capped_steps: Steps that the safeguard scaled down.
        overflowed_steps: Steps skipped since this optimizer was built, because the `grad_scaler`'s
            scale was too large for their gradients; they do not count as taken.
        seconds: Time of the last step by phase; the second pass is the Fisher backward, the
            input factors are A and G, the curvature is their inversion.
        bytes_sent: Bytes this rank handed to the network for curvature in the last step.
        layers: The preconditioned layers.
        first_order: The parameters that the inner AdamW trains, with the reason.
    """

    steps: int
    capped_steps: int
    overflowed_steps: int
    seconds: PhaseSeconds
    bytes_sent: int
    layers: tuple[KFACLayerDiagnostics, ...]
    first_order: tuple[FirstOrderParameter, ...]
