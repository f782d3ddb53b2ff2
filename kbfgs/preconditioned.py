"""One preconditioned layer: the method's arithmetic on its state."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.linalg import vecdot, vector_norm

from kbfgs.capture import LayerRecord
from kbfgs.config import CurvatureOptions
from kbfgs.curvature.output import Inverse
from kbfgs.curvature.pairs import PairAverage
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


@dataclass(frozen=True)
class PairRules:
    """How a curvature pair is averaged and damped.

    Attributes:
        decay: β.
        powell: μ₁; None leaves Powell's damping out.
        identity: μ₂; None leaves the damping against the identity out.
    """

    decay: float
    powell: float | None
    identity: float | None


@dataclass(frozen=True)
class PairOutcome:
    """What became of a pair.

    Attributes:
        curvature: sᵀy before the damping, shape (...).
        counts: Whether Powell's damping and that against the identity changed it, and whether the
            update was skipped; int64, shape (..., 3).
    """

    curvature: Tensor
    counts: Tensor


def learn_pair(
    pair: PairAverage,
    inverse: Inverse,
    means: tuple[LayerMeans, LayerMeans],
    *,
    rules: PairRules,
    accepted: Tensor | None,
) -> PairOutcome:
    """Average (s, y), damp a copy twice, and update H_g by it, unless the step was rejected.

    Args:
        pair: s and y, shape (..., d); changed in place.
        inverse: H_g, of one layer or of several; changed in place.
        means: Of h and g in both runs.
        rules: How it is done.
        accepted: Whether the step stands, a boolean scalar, or None where nobody asks.
    """
    first, second = means
    finite = pair.fold(
        second.outputs - first.outputs,
        second.gradients - first.gradients,
        decay=rules.decay,
        accepted=accepted,
    )
    product = inverse.times(pair.change)
    damped = double_damping(
        pair.step, pair.change, product, powell=rules.powell, identity=rules.identity
    )
    floor = CURVATURE_FLOOR * vector_norm(first.gradients, dim=-1)
    made = inverse.update(damped.step, damped.change, floor=floor, allowed=finite)
    counts = torch.stack((damped.powell, damped.identity, ~made), -1).to(torch.int64)
    return PairOutcome(vecdot(pair.step, pair.change), counts)


class PreconditionedLayer:
    """A layer whose inverse Hessian block is H_a ⊗ H_g.

    Attributes:
        adapter: The module as a matrix.
        state: What is remembered of it.
        positions: |T|, the positions of a sample in this step.
    """

    def __init__(self, adapter: LayerAdapter, options: CurvatureOptions) -> None:
        self.adapter = adapter
        self.state = LayerState(adapter, options)
        self.positions = 1.0
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
        self.positions = positions
        self.state.positions.fill_(positions)

    def start_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """Set H_a = (A + λ_A √|T| I)⁻¹ from A summed over the ranks."""
        damping = settings.input_damping(self.positions)
        self.state.input_factor.start(total, damping=damping)

    def direction(self) -> Tensor:
        """H_g M H_a, shape (d_out, d_in + 1)."""
        state = self.state
        inverse = state.input_factor.require_inverse()
        return aligned_product(state.output_inverse.times(state.momentum), inverse.matrix)

    def mean_input(self, means: LayerMeans) -> Tensor:
        """mean(ā), shape (d_in + 1,)."""
        assert means.inputs is not None
        if self.adapter.bias is None:
            return means.inputs
        return torch.cat((means.inputs, means.inputs.new_ones(1)))

    def probe(self, means: LayerMeans) -> tuple[Tensor, Tensor]:
        """s_a = H_a mean(ā), and this rank's part of A s_a."""
        return self.state.input_factor.probe(self.mean_input(means))

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
        outcome = learn_pair(
            state.pair,
            state.output_inverse,
            (first, second),
            rules=self.pair_rules(settings),
            accepted=accepted,
        )
        state.curvature.copy_(outcome.curvature)
        state.counts[:3] += outcome.counts

    def pair_rules(self, settings: StepSettings) -> PairRules:
        """How this layer's pairs are averaged and damped."""
        threshold = identity_threshold(settings.damping, positions=self.positions)
        return PairRules(
            decay=settings.factor_decay,
            powell=settings.powell if self._ablation.powell_damping else None,
            identity=threshold if self._ablation.identity_damping else None,
        )

    def refresh_inputs(self, total: Tensor, *, settings: StepSettings) -> None:
        """H_a = (A + λ_A √|T| I)⁻¹ again, from A summed over the ranks."""
        damping = settings.input_damping(self.positions)
        made = self.state.input_factor.refresh(total, damping=damping)
        self.state.counts[3] += ~made

    def act(self, step: Tensor, action: Tensor, *, settings: StepSettings) -> None:
        """Update H_a by the Hessian action (s_a, A s_a + λ_A √|T| s_a)."""
        damping = settings.input_damping(self.positions)
        made = self.state.input_factor.act(step, action, damping=damping)
        self.state.counts[3] += ~made
