"""One preconditioned layer: the method's arithmetic on its state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.config import CurvatureOptions
from kbfgs.damping import double_damping, identity_threshold
from kbfgs.distributed.exchange import LayerMeans
from kbfgs.layers.base import LayerAdapter
from kbfgs.layout import aligned_product
from kbfgs.state import LayerState

# The authors skip an update of H_g when s̃ᵀỹ <= 1e-4 ‖s̃‖² ‖mean g‖.
CURVATURE_FLOOR = 1e-4


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


class PreconditionedLayer:
    """A layer whose inverse Hessian block is H_a ⊗ H_g.

    Attributes:
        adapter: The module as a matrix.
        state: What is remembered of it.
    """

    def __init__(self, adapter: LayerAdapter, options: CurvatureOptions) -> None:
        self.adapter = adapter
        self.state = LayerState(adapter, options)
        self._positions = 1.0
        self._ablation = options.ablation

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

    def learn_inputs(self, record: LayerRecord, *, rows: float, decay: float) -> None:
        """A_r ← β A_r + (1-β)/C Σ ā āᵀ over this rank's rows, C being the rows of all ranks.

        The sum is over all positions of each row (Ren, Bahamou, Goldfarb 2021).
        """
        weight = (1 - decay) / rows
        for block, block_sum in record.input_blocks(self.adapter):
            self.state.input_factor.accumulate([block], [block_sum], decay=decay, weight=weight)
            decay = 1.0

    def see_positions(self, positions: float) -> None:
        """Note |T|, the positions of a sample in this step."""
        self._positions = positions
        self.state.positions.fill_(positions)

    def start_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """Set H_a = (A + λ_A √|T| I)⁻¹ from A summed over the ranks."""
        damping = settings.input_damping(self._positions)
        self.state.input_factor.start(total, damping=damping)

    def direction(self) -> Tensor:
        """H_g M H_a, shape (d_out, d_in + 1)."""
        state = self.state
        inverse = state.input_factor.require_inverse()
        return aligned_product(state.output_inverse.times(state.momentum), inverse.matrix)

    def probe(self, means: LayerMeans) -> tuple[Tensor, Tensor]:
        """s_a = H_a mean(ā), and this rank's part of A s_a."""
        assert means.inputs is not None
        mean_input = means.inputs
        if self.adapter.bias is not None:
            mean_input = torch.cat((mean_input, mean_input.new_ones(1)))
        return self.state.input_factor.probe(mean_input)

    def learn_curvature(
        self,
        first: LayerMeans,
        second: LayerMeans,
        *,
        settings: StepSettings,
        accepted: Tensor | None = None,
    ) -> None:
        """Average (s, y), damp a copy twice, and update H_g by it, unless the step was rejected."""
        state = self.state
        pair = state.pair
        finite = pair.fold(
            second.outputs - first.outputs,
            second.gradients - first.gradients,
            decay=settings.factor_decay,
            accepted=accepted,
        )
        threshold = identity_threshold(settings.damping, positions=self._positions)
        damped = double_damping(
            pair.step,
            pair.change,
            state.output_inverse.times(pair.change),
            powell=settings.powell if self._ablation.powell_damping else None,
            identity=threshold if self._ablation.identity_damping else None,
        )
        floor = CURVATURE_FLOOR * first.gradients.norm()
        made = state.output_inverse.update(damped.step, damped.change, floor=floor, allowed=finite)
        state.curvature.copy_(pair.step.dot(pair.change))
        state.counts[:3] += torch.stack((damped.powell, damped.identity, ~made))

    def refresh_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """H_a = (A + λ_A √|T| I)⁻¹ again, from A summed over the ranks."""
        damping = settings.input_damping(self._positions)
        made = self.state.input_factor.refresh(total, damping=damping)
        self.state.counts[3] += ~made

    def act(self, step: Tensor, action: Tensor, *, settings: StepSettings) -> None:
        """Update H_a by the Hessian action (s_a, A s_a + λ_A √|T| s_a)."""
        damping = settings.input_damping(self._positions)
        made = self.state.input_factor.act(step, action, damping=damping)
        self.state.counts[3] += ~made
