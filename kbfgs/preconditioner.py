"""All preconditioned layers together: the stages of a step, each over every layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.config import CurvatureOptions, Reduce, RowWeighting, Safeguard
from kbfgs.distributed.communicator import Communicator
from kbfgs.distributed.exchange import (
    FirstMeans,
    RankPart,
    SecondMeans,
    exchange_first,
    exchange_second,
)
from kbfgs.distributed.shares import scaled_factors, sum_symmetric
from kbfgs.layer_group import group_layers, in_order
from kbfgs.layers.base import LayerAdapter
from kbfgs.passes import FirstPass, SecondPass
from kbfgs.preconditioned import PreconditionedLayer, StepSettings, accumulate_inputs
from kbfgs.safeguard import predicted_decrease, step_scale

# From the mean loss after a step to whether it stands, both scalars.
Judge = Callable[[Tensor], Tensor]


class Preconditioner:
    """The layers with their curvature, on one of several ranks.

    Attributes:
        layers: By name, in the order of the model.
        communicator: The ranks.
        consolidated: Whether each rank's share is A / R, R being the number of ranks.
    """

    def __init__(
        self,
        adapters: tuple[LayerAdapter, ...],
        communicator: Communicator,
        *,
        curvature: CurvatureOptions,
        safeguard: Safeguard | None,
        weighting: RowWeighting | None,
        reduce: str | None = Reduce.VECTORS.value,
    ) -> None:
        self.layers = {
            adapter.name: PreconditionedLayer(adapter, curvature) for adapter in adapters
        }
        self._input_inverse_every = curvature.ablation.input_inverse_every
        self.communicator = communicator
        self._safeguard = safeguard
        self._weighting = weighting
        self._matrices = communicator.world_size > 1 and reduce == Reduce.MATRICES
        self.consolidated = True

    def consolidate(self) -> None:
        """Give each rank the share A / R; communicates, unless it is so already."""
        if not self.consolidated:
            factors = [layer.state.input_factor for layer in self.layers.values()]
            totals = sum_symmetric(self.communicator, [factor.share for factor in factors])
            for factor, total in zip(factors, totals, strict=True):
                factor.share.copy_(total / self.communicator.world_size)
        self.consolidated = True

    def saved_layers(self) -> dict[str, dict[str, Tensor]]:
        """The layers' tensors by name; A itself if consolidated, else this rank's share."""
        tensors = {name: layer.state.tensors() for name, layer in self.layers.items()}
        return scaled_factors(tensors, self.communicator.world_size if self.consolidated else 1)

    def load_layers(self, saved: Mapping[str, dict[str, Tensor]], *, consolidated: bool) -> None:
        """Take over what `saved_layers` gave; of a consolidated A, the share A / R."""
        tensors = scaled_factors(saved, 1 / self.communicator.world_size if consolidated else 1)
        for name, layer in self.layers.items():
            layer.state.load(tensors[name])
        self.consolidated = consolidated

    @property
    def adapters(self) -> list[LayerAdapter]:
        """The modules as matrices."""
        return [layer.adapter for layer in self.layers.values()]

    def leave_out(self, name: str) -> LayerAdapter:
        """Forget a layer, which is to be trained otherwise."""
        return self.layers.pop(name).adapter

    def start_from(
        self, records: Mapping[str, LayerRecord], settings: StepSettings, *, rows: int
    ) -> None:
        """Warm start: A = mean over all rows, seen on all ranks, of Σ ā āᵀ over positions."""
        layers = [self.layers[name] for name in records]
        grams = [record.gram for record in records.values() if record.gram is not None]
        positions = [float(record.positions) for record in records.values()]
        counts = grams[0].new_tensor([float(rows), *positions])
        total_counts, *totals = self.communicator.sum_together([counts, *grams])
        total_rows, *total_positions = total_counts.tolist()
        for layer, total, count in zip(layers, totals, total_positions, strict=True):
            mean = total / total_rows
            layer.state.input_factor.share.copy_(mean / self.communicator.world_size)
            layer.see_positions(count / total_rows)
            layer.start_inputs(mean, settings=settings)

    def exchange_first(self, first: FirstPass) -> FirstMeans:
        """The means of the first run over the rows of all ranks."""
        whole = RankPart([first.records[name] for name in self.layers], first.loss, first.rows)
        part = whole
        if first.sample is not None:
            records = [first.sample.records[name] for name in self.layers]
            part = RankPart(records, first.sample.loss, first.sample.rows)
        return exchange_first(self.communicator, whole, part, weighting=self._weighting)

    def learn_inputs(
        self, first: FirstPass, means: FirstMeans, settings: StepSettings, *, step: int
    ) -> None:
        """A ← β A + (1-β) mean(ā āᵀ); the first mini-batch is all of A without a warm start.

        A warm-started A has seen the first mini-batch already.
        """
        for layer, layer_means in zip(self.layers.values(), means.layers, strict=True):
            layer.see_positions(layer_means.positions_per_row)
        new = [layer for layer in self.layers.values() if layer.waits_for_data]
        known = [layer for layer in self.layers.values() if layer not in new]
        records, rows = first.curvature_records, means.curvature_rows
        accumulate_inputs(new, records, rows=rows, decay=0.0)
        if step > 0:
            accumulate_inputs(known, records, rows=rows, decay=settings.factor_decay)
        for record in records.values():
            record.inputs.clear()
        self.consolidated = self.communicator.world_size == 1
        if self._matrices:
            self.consolidate()
        if new:
            shares = [layer.state.input_factor.share for layer in new]
            for layer, total in zip(new, self.communicator.sum_together(shares), strict=True):
                layer.start_inputs(total, settings=settings)
        every = self._input_inverse_every
        if known and every is not None and step % every == 0:
            self._refresh_inputs(known, settings)

    def _refresh_inputs(self, layers: list[PreconditionedLayer], settings: StepSettings) -> None:
        """The ablation without Hessian action: H_a by Cholesky from this step's A."""
        shares = [layer.state.input_factor.share for layer in layers]
        for layer, total in zip(layers, self.communicator.sum_together(shares), strict=True):
            layer.refresh_inputs(total, settings=settings)

    def move(
        self, loss: Tensor, settings: StepSettings, *, part: Tensor | None = None
    ) -> Tensor | None:
        """W̄ ← W̄ - α scale H_g M H_a with the averaged gradient M.

        Args:
            loss: The mean loss, a scalar.
            settings: The numbers of this step.
            part: What the ratio test leaves of the step, a scalar.

        Returns:
            Whether the safeguard scaled the step down, a boolean scalar; None without one.
        """
        layers = list(self.layers.values())
        for layer in layers:
            layer.average_gradient(settings)
        directions = in_order(group_layers(layers), lambda group: group.directions())
        scale = None
        if self._safeguard is not None:
            predicted = predicted_decrease([a.state.momentum for a in layers], directions)
            scale = step_scale(self._safeguard, lr=settings.lr, predicted=predicted, loss=loss)
        capped = None if scale is None else scale < 1
        if scale is not None and part is not None:
            scale = scale * part.to(scale.dtype)
        for layer, direction in zip(layers, directions, strict=True):
            layer.adapter.move_(direction, lr=settings.lr, scale=scale)
        return capped

    def learn_curvature(
        self,
        second: SecondPass,
        means: FirstMeans,
        settings: StepSettings,
        *,
        judge: Judge | None = None,
    ) -> SecondMeans:
        """Update H_g by the averaged pairs, and H_a by Hessian action.

        A step that is taken back leaves (s, y) and H_g as they are.

        Args:
            second: The second run.
            means: Of the first run.
            settings: The numbers of this step.
            judge: From the mean loss at the new weights to whether the step stands, both scalars.

        Returns:
            The means of the second run.
        """
        layers = list(self.layers.values())
        groups = group_layers(layers)
        probes = in_order(groups, lambda group: group.probe(group.pick(means.layers)))
        own = [action for _, action in probes]
        after, actions = exchange_second(
            self.communicator,
            [second.records[layer.name] for layer in layers],
            means,
            loss=second.loss,
            actions=[action[:0] for action in own] if self._matrices else own,
        )
        if self._matrices:
            actions = [action * self.communicator.world_size for action in own]
        accepted = None if judge is None else judge(after.loss)
        for group in groups:
            first, last = group.pick(means.layers), group.pick(after.layers)
            group.learn_curvature(first, last, settings=settings, accepted=accepted)
            if self._input_inverse_every is None:
                steps = [step for step, _ in group.pick(probes)]
                group.act(steps, group.pick(actions), settings=settings)
        return after
