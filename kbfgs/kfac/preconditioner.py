"""All layers preconditioned by K-FAC: the stages of a step, each over every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.checks import DeferredChecks
from kbfgs.config import RowWeighting, Safeguard
from kbfgs.distributed.communicator import Communicator
from kbfgs.distributed.exchange import FirstMeans, RankPart, exchange_first
from kbfgs.distributed.shares import sum_symmetric
from kbfgs.errors import IndefiniteFactorError
from kbfgs.kfac.config import KFACSettings
from kbfgs.kfac.factor import Factor
from kbfgs.kfac.layer import KFACLayer
from kbfgs.layers.base import LayerAdapter
from kbfgs.passes import FirstPass
from kbfgs.safeguard import predicted_decrease, step_scale


class KFACPreconditioner:
    """The layers with their factors, on one of several ranks.

    Attributes:
        layers: By name, in the order of the model.
        communicator: The ranks.
    """

    def __init__(
        self,
        adapters: tuple[LayerAdapter, ...],
        communicator: Communicator,
        *,
        safeguard: Safeguard | None,
        weighting: RowWeighting | None,
    ) -> None:
        self.layers = {adapter.name: KFACLayer(adapter) for adapter in adapters}
        self.communicator = communicator
        self._safeguard = safeguard
        self._weighting = weighting

    @property
    def adapters(self) -> list[LayerAdapter]:
        """The modules as matrices."""
        return [layer.adapter for layer in self.layers.values()]

    def leave_out(self, name: str) -> LayerAdapter:
        """Forget a layer, which is to be trained otherwise."""
        return self.layers.pop(name).adapter

    def start_from(self, records: Mapping[str, LayerRecord], *, rows: int) -> None:
        """Warm start: A = mean of ā āᵀ over all rows seen, and G = mean of g gᵀ if it was asked."""
        grams: list[tuple[Factor, Tensor]] = []
        local: list[float] = []
        for name, record in records.items():
            state = self.layers[name].state
            for factor, gram, count in (
                (state.inputs, record.gram, rows),
                (state.outputs, record.gradient_gram, record.positions),
            ):
                if gram is not None:
                    grams.append((factor, gram))
                    local.append(float(count))
        counts = grams[0][1].new_tensor(local)
        (totals,) = self.communicator.sum_together([counts])
        for (factor, gram), count in zip(grams, totals, strict=True):
            factor.start(gram / count)

    def exchange_first(self, first: FirstPass) -> FirstMeans:
        """The loss and the row counts over all ranks."""
        records = [first.records[name] for name in self.layers]
        part = RankPart(records, first.loss, first.rows)
        return exchange_first(self.communicator, part, part, weighting=self._weighting)

    def learn_factors(
        self,
        first: FirstPass,
        gradients: Mapping[str, Sequence[Tensor]],
        means: FirstMeans,
        *,
        settings: KFACSettings,
        step: int,
    ) -> None:
        """A ← β A + (1-β) mean(ā āᵀ) and G ← β G + (1-β) mean(g gᵀ).

        The first mini-batch is all of a factor without a warm start; a warm-started factor has
        seen it already.
        """
        decay = settings.factor_decay
        for layer, layer_means in zip(self.layers.values(), means.layers, strict=True):
            record = first.records[layer.adapter.name]
            layer.see_positions(layer_means.positions_per_row)
            if step > 0 or layer.state.inputs.waits_for_data:
                layer.learn_inputs(record, rows=means.curvature_rows, decay=decay)
            if step > 0 or layer.state.outputs.waits_for_data:
                parts = gradients[layer.adapter.name]
                layer.learn_outputs(
                    parts, local_rows=first.rows, positions=layer_means.positions, decay=decay
                )
            record.inputs.clear()

    def invert(self, settings: KFACSettings, checks: DeferredChecks) -> None:
        """A⁻¹ and G⁻¹ with √λ on their diagonals, from the sums over the ranks.

        Raises:
            IndefiniteFactorError: A factor is not finite or not positive definite; on CUDA it is
                told later.
        """
        for layer in self.layers.values():
            dampings = settings.factor_damping(layer.state.positions)
            factors = (layer.state.inputs, layer.state.outputs)
            totals = sum_symmetric(self.communicator, [factor.share for factor in factors])
            for factor, total, symbol, damping in zip(factors, totals, "AG", dampings, strict=True):
                checks.require(
                    factor.invert(total, damping=damping),
                    IndefiniteFactorError,
                    f"{symbol} of layer {layer.adapter.name!r} is not positive definite with "
                    f"{damping:g} on its diagonal: its data are not finite, or raise damping",
                )

    def move(self, loss: Tensor, settings: KFACSettings) -> Tensor | None:
        """W̄ ← W̄ - α scale G⁻¹ M A⁻¹ with the averaged gradient M.

        Returns:
            Whether the safeguard scaled the step down, a boolean scalar; None without one.
        """
        layers = list(self.layers.values())
        for layer in layers:
            layer.average_gradient(settings)
        directions = [layer.direction() for layer in layers]
        scale = None
        if self._safeguard is not None:
            predicted = predicted_decrease([a.state.momentum for a in layers], directions)
            scale = step_scale(self._safeguard, lr=settings.lr, predicted=predicted, loss=loss)
        for layer, direction in zip(layers, directions, strict=True):
            layer.adapter.move_(direction, lr=settings.lr, scale=scale)
        return None if scale is None else scale < 1
