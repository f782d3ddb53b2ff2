"""The Fisher pass: gradients of a sampled loss with respect to the pre-activations alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kbfgs.capture import Capture, LayerRecord, Run
from kbfgs.checks import DeferredChecks
from kbfgs.distributed.ddp import unwrap, without_synchronization
from kbfgs.errors import ClosureError
from kbfgs.layers.base import LayerAdapter
from kbfgs.linalg import accumulate_gram_
from kbfgs.passes import Closure
from kbfgs.scaling import LossScaling, PlainLoss
from kbfgs.second_pass import without_running_statistics
from kbfgs.verdicts import check_fisher_records, check_same_batch

FisherLoss = Callable[[Any], Tensor]


@dataclass(frozen=True)
class FisherGradients:
    """What the fisher_closure of one step gave.

    Attributes:
        loss: The loss on sampled targets, a scalar.
        gradients: ∂loss/∂h by layer name, one for each call of the layer.
    """

    loss: Tensor
    gradients: dict[str, list[Tensor]]

    @property
    def all(self) -> list[Tensor]:
        """The gradients of all layers."""
        return [part for parts in self.gradients.values() for part in parts]


class FisherPass:
    """Runs the fisher_closure of one step.

    Args:
        model: The model, possibly wrapped in DDP.
        capture: The hooks on it.
        checks: Where verdicts on tensors go.
        scaling: What the loss is scaled by before it is differentiated.
    """

    def __init__(
        self, model: nn.Module, capture: Capture, checks: DeferredChecks, *, scaling: LossScaling
    ) -> None:
        self._model = model
        self._capture = capture
        self._checks = checks
        self._scaling = scaling

    def run(
        self, closure: Closure, first: Mapping[str, LayerRecord], batch_means: Sequence[Tensor]
    ) -> FisherGradients:
        """The gradients of the sampled loss with respect to each layer's outputs.

        Weight gradients are neither computed nor changed.

        Args:
            closure: Returns the loss, without backward.
            first: The records of the preconditioned layers in the run of the step's closure.
            batch_means: The means by which that run's batch is recognized.

        Raises:
            ClosureError: The closure does not return such a loss.
        """
        with _without_traces(self._model):
            loss, records = self._evaluate(closure)
            if records:
                check_fisher_records(first, records)
                check_same_batch(batch_means, self._capture.batch_means, checks=self._checks)
            source = {name: (records or first)[name] for name in first}
            gradients = preactivation_gradients(loss, source, scaling=self._scaling)
        return FisherGradients(loss.detach().reshape(()), gradients)

    def _evaluate(self, closure: Closure) -> tuple[Tensor, dict[str, LayerRecord]]:
        self._capture.begin(Run.FISHER)
        try:
            with torch.enable_grad():
                loss = closure()
        finally:
            records = self._capture.end()
        return loss, records


def preactivation_gradients(
    loss: Tensor, records: Mapping[str, LayerRecord], *, scaling: LossScaling
) -> dict[str, list[Tensor]]:
    """∂loss/∂h of each call of each layer, by one backward that stops there.

    Raises:
        ClosureError: The loss is no scalar, or not a function of all these layers' outputs.
    """
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        raise ClosureError(
            "the fisher_closure must return a loss on sampled targets as a scalar tensor that "
            f"requires grad, got {loss!r}"
        )
    edges = [edge for record in records.values() for edge in record.edges]
    try:
        found = torch.autograd.grad(scaling.scale(loss), edges, allow_unused=True)
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise ClosureError(
            "the graph that the fisher_closure's loss is built on is gone: the step's closure must "
            "call backward(retain_graph=True), and the fisher_closure must not call backward; or "
            "let the fisher_closure run the model again"
        ) from error
    remaining = iter(found)
    gradients = {name: [next(remaining) for _ in record.edges] for name, record in records.items()}
    for name, parts in gradients.items():
        if not parts or any(part is None for part in parts):
            raise ClosureError(
                f"the fisher_closure's loss does not depend on layer {name!r}: build it from the "
                "outputs of the forward in the step's closure, kept there undetached, or run the "
                "model again"
            )
    return {n: [scaling.unscale(part) for part in parts] for n, parts in gradients.items()}


class WarmStartFisher:
    """Averages g gᵀ over the forwards of a warm start, with targets sampled by `fisher_loss`.

    Args:
        capture: The hooks on the model.
        adapters: Its preconditioned layers.
        fisher_loss: From the model's output to the mean loss on targets sampled from it.
    """

    def __init__(
        self, capture: Capture, adapters: Sequence[LayerAdapter], fisher_loss: FisherLoss
    ) -> None:
        self._capture = capture
        self._adapters = {adapter.name: adapter for adapter in adapters}
        self._fisher_loss = fisher_loss
        self._samples = 0

    @contextmanager
    def on(self, model: nn.Module) -> Iterator[None]:
        """Observe every forward inside."""
        handle = unwrap(model).register_forward_hook(self._observe)
        try:
            with without_synchronization(model), torch.enable_grad():
                yield
        finally:
            handle.remove()

    def _observe(self, _model: nn.Module, _args: object, output: Any) -> None:
        records = {name: r for name, r in self._capture.records.items() if r.edges}
        loss = self._fisher_loss(output)
        gradients = preactivation_gradients(loss, records, scaling=PlainLoss())
        samples = self._capture.rows - self._samples
        self._samples = self._capture.rows
        for name, parts in gradients.items():
            record, adapter = records[name], self._adapters[name]
            for part in parts:
                rows = adapter.output_rows(part).to(adapter.weight.dtype)
                if record.gradient_gram is None:
                    record.gradient_gram = rows.new_zeros(rows.shape[1], rows.shape[1])
                accumulate_gram_(record.gradient_gram, rows, decay=1.0, weight=samples**2)
            record.edges.clear()


@contextmanager
def _without_traces(model: nn.Module) -> Iterator[None]:
    """Run the model again without a trace: batch norm's buffers and `p.grad` stay as they are."""
    parameters = list(model.parameters())
    gradients = [parameter.grad for parameter in parameters]
    try:
        for parameter in parameters:
            parameter.grad = None
        with without_running_statistics(model), without_synchronization(model):
            yield
    finally:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
