"""What `KBFGS.diagnostics` returns: frozen values."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from kbfgs.curvature.dense import InputFactor
from kbfgs.phases import PhaseSeconds
from kbfgs.registry import FirstOrderParameter
from kbfgs.state import LayerState


@dataclass(frozen=True)
class LayerDiagnostics:
    """One preconditioned layer.

    Attributes:
        name: The module's name inside the model.
        powell_damped: Pairs changed by Powell's damping since the start.
        identity_damped: Pairs changed by the damping against the identity.
        skipped_output_updates: Updates of H_g that were skipped.
        skipped_input_updates: Updates of H_a that were skipped.
        curvature: sᵀy of the last step, before damping.
        inverse_residual: ‖H_a(A + λ_A I)v - v‖ for a random unit v; None before the first data,
            and with several ranks, none of which knows all of A.
        bytes_held: Bytes of the layer's state.
    """

    name: str
    powell_damped: int
    identity_damped: int
    skipped_output_updates: int
    skipped_input_updates: int
    curvature: float
    inverse_residual: float | None
    bytes_held: int


@dataclass(frozen=True)
class Diagnostics:
    """The optimizer after its last step.

    Attributes:
        steps: Steps taken.
        capped_steps: Steps that the safeguard scaled down.
        rejected_steps: Steps that its ratio test took back.
        overflowed_steps: Steps skipped since this optimizer was built, because the `grad_scaler`'s
            scale was too large for their gradients; they do not count as taken.
        step_scale: The part of a step that the ratio test allows now, in (0, 1].
        seconds: Time of the last step by phase.
        bytes_sent: Bytes this rank handed to the network for curvature in the last step.
        layers: The preconditioned layers.
        first_order: The parameters that the inner AdamW trains, with the reason.
    """

    steps: int
    capped_steps: int
    rejected_steps: int
    overflowed_steps: int
    step_scale: float
    seconds: PhaseSeconds
    bytes_sent: int
    layers: tuple[LayerDiagnostics, ...]
    first_order: tuple[FirstOrderParameter, ...]


def inverse_residual(factor: InputFactor, *, damping: float) -> float | None:
    """‖H_a(A + λ_A I)v - v‖ for a random unit vector v that is always the same."""
    if factor.inverse is None:
        return None
    generator = torch.Generator().manual_seed(0)
    size = factor.share.shape[0]
    vector = torch.randn(size, dtype=torch.float64, generator=generator).to(factor.share)
    vector = vector / vector.norm()
    image = factor.inverse.times(factor.share.mv(vector) + damping * vector)
    return float((image - vector).norm())


def layer_diagnostics(name: str, state: LayerState, *, damping: float | None) -> LayerDiagnostics:
    """One layer as it stands.

    Args:
        name: The module's name.
        state: What is remembered of it.
        damping: λ, or None where this rank does not know all of A.
    """
    powell, identity, outputs, inputs = (int(count) for count in state.counts.tolist())
    return LayerDiagnostics(
        name=name,
        powell_damped=powell,
        identity_damped=identity,
        skipped_output_updates=outputs,
        skipped_input_updates=inputs,
        curvature=float(state.curvature),
        inverse_residual=(
            None
            if damping is None
            else inverse_residual(state.input_factor, damping=math.sqrt(damping * state.positions))
        ),
        bytes_held=state.bytes_held,
    )
