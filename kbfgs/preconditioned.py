"""One preconditioned layer: the method's arithmetic on its state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.config import CurvatureOptions
from kbfgs.layers.base import LayerAdapter
from kbfgs.linalg import accumulate_borders_, accumulate_gram_
from kbfgs.state import LayerState


@dataclass(frozen=True)
class StepSettings:
    """The numbers of one step, as they stand in the first parameter group."""

    lr: float
    damping: float
    momentum: float
    factor_decay: float
    weight_decay: float
    powell: float

    def input_damping(self, positions: float) -> float:
        """λ_A √|T| with λ_A = √λ, for |T| positions of a sample."""
        return math.sqrt(self.damping) * math.sqrt(positions)


class LayerKind(NamedTuple):
    """What layers may have in common.

    Attributes:
        dtype: Of the weight and the state.
        device: Likewise.
        form: The class of H_g.
        outputs: Rows of H_g.
        inputs: Rows of H_a.
    """

    dtype: torch.dtype
    device: torch.device
    form: type
    outputs: int
    inputs: int


class PreconditionedLayer:
    """A layer whose inverse Hessian block is H_a ⊗ H_g.

    Attributes:
        adapter: The module as a matrix.
        state: What is remembered of it.
        kind: What decides which layers it is worked on with.
        ablation: Parts of the method that are left out.
    """

    def __init__(self, adapter: LayerAdapter, options: CurvatureOptions) -> None:
        self.adapter = adapter
        self.state = LayerState(adapter, options)
        self.kind = LayerKind(
            adapter.weight.dtype,
            adapter.weight.device,
            type(self.state.output_inverse),
            adapter.output_dim,
            adapter.input_dim,
        )
        self.ablation = options.ablation

    @property
    def name(self) -> str:
        """The module's name inside the model."""
        return self.adapter.name

    @property
    def waits_for_data(self) -> bool:
        """Whether A and H_a have not been set yet."""
        return self.state.input_factor.inverse is None

    def average_gradient(self, settings: StepSettings) -> None:
        """M ← β M + (1-β)(∇W̄ + τ W̄)."""
        self.adapter.average_gradient_(
            self.state.momentum, decay=settings.momentum, weight_decay=settings.weight_decay
        )

    def see_positions(self, positions: float) -> None:
        """Note |T|, the positions of a sample in this step."""
        self.state.positions = positions

    def start_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """Set H_a = (A + λ_A √|T| I)⁻¹ from A summed over the ranks."""
        damping = settings.input_damping(self.state.positions)
        self.state.input_factor.start(total, damping=damping)

    def refresh_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """H_a = (A + λ_A √|T| I)⁻¹ again, from A summed over the ranks."""
        damping = settings.input_damping(self.state.positions)
        made = self.state.input_factor.refresh(total, damping=damping)
        self.state.counts[3] += ~made


def accumulate_inputs(
    layers: Sequence[PreconditionedLayer],
    records: Mapping[str, LayerRecord],
    *,
    rows: float,
    decay: float,
) -> None:
    """A_r ← β A_r + (1-β)/C Σ ā āᵀ over this rank's rows, C being the rows of all ranks.

    The sum is over all positions of each row (Ren, Bahamou, Goldfarb 2021).

    Args:
        layers: Those whose A is averaged.
        records: What each layer saw, by name.
        rows: C.
        decay: β.
    """
    weight = (1 - decay) / rows
    seen = [records[layer.name] for layer in layers]
    shares = [layer.state.input_factor.share for layer in layers]
    for layer, record, share in zip(layers, seen, shares, strict=True):
        first = True
        for block in record.input_blocks(layer.adapter):
            accumulate_gram_(share, block, decay=decay if first else 1.0, weight=weight)
            first = False
    accumulate_borders_(
        shares,
        [record.input_sum for record in seen],
        [record.positions for record in seen],
        decay=decay,
        weight=weight,
    )
