"""Hooks that record what the layers see during a run of the closure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo  # torch.compiler.disable loads the compiler at import
from torch.autograd.graph import GradientEdge, get_gradient_edge

from kbfgs.batch_head import BatchHead
from kbfgs.errors import UnsupportedModelError
from kbfgs.layers.base import LayerAdapter
from kbfgs.linalg import accumulate_gram_


class Run(Enum):
    """What the model is being run for."""

    NONE = auto()
    WARM_START = auto()
    FIRST = auto()
    SAMPLE = auto()
    SECOND = auto()
    FISHER = auto()

    @property
    def repeats(self) -> bool:
        """Whether the model is run once more on what it has seen in this step."""
        return self in (Run.SAMPLE, Run.SECOND)


@dataclass
class LayerRecord:
    """What one layer saw in one run: sums over rows, and the inputs where A needs them.

    Attributes:
        rows: Rows seen, over all micro-batches.
        inputs: The inputs a, each (rows, d_in), in the first pass.
        gram: Σ ā āᵀ in the warm start, shape (input_dim, input_dim).
        input_sums: Σ a of each call, each (d_in,).
        output_sum: Σ h, shape (d_out,).
        gradient_sum: Σ ∂loss/∂h, shape (d_out,); None until a backward has passed.
        model_call: The number of the model's forward in which the layer was last called.
        problem: Why the layer cannot be preconditioned, or None.
        edges: Where the gradient of each call's output arrives, if the capture keeps edges.
        gradient_gram: Σ g gᵀ in a warm start that samples targets, (output_dim, output_dim).
    """

    rows: int = 0
    inputs: list[Tensor] = field(default_factory=list)
    gram: Tensor | None = None
    input_sums: list[Tensor] = field(default_factory=list)
    output_sum: Tensor | None = None
    gradient_sum: Tensor | None = None
    model_call: int = -1
    problem: str | None = None
    edges: list[GradientEdge] = field(default_factory=list)
    gradient_gram: Tensor | None = None

    def add_gradient(self, gradient: Tensor) -> None:
        """Add Σ ∂loss/∂h of one call."""
        total = gradient.detach().sum(0)
        self.gradient_sum = total if self.gradient_sum is None else self.gradient_sum + total

    @property
    def input_sum(self) -> Tensor:
        """Σ a over all calls, shape (d_in,)."""
        return _sum(self.input_sums)


class _NewLeaf(torch.autograd.Function):
    """Hands a tensor on as the start of a graph.

    A leaf, or a view of one, could not be changed in place by the ReLU that follows.
    """

    @staticmethod
    def forward(_ctx: Any, _anchor: Tensor, output: Tensor) -> Tensor:
        return output.detach()

    @staticmethod
    def backward(_ctx: Any, *_gradients: Any) -> Any:
        return None, None


class _Detached:
    """What a hook becomes in a copy of the model: nothing."""

    def __call__(self, *_args: object) -> None:
        return None


class _LayerHook:
    """Forward hook of one layer; a copied or pickled model loses it."""

    def __init__(self, capture: Capture, adapter: LayerAdapter) -> None:
        self._capture = capture
        self._adapter = adapter

    @_disable_dynamo
    def __call__(
        self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor
    ) -> Tensor | None:
        inputs = args[0] if args else kwargs["input"]
        return self._capture.observe(self._adapter, inputs, output)

    def __reduce__(self) -> tuple[type[_Detached], tuple[()]]:
        return _Detached, ()


class _ModelHook:
    """Forward pre-hook of the whole model; a copied or pickled model loses it."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    @_disable_dynamo
    def __call__(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._capture.observe_model([*args, *kwargs.values()])

    def __reduce__(self) -> tuple[type[_Detached], tuple[()]]:
        return _Detached, ()


class Capture:
    """Records one run at a time.

    Args:
        model: The model without wrappers.
        adapters: The layers to observe.
        fixed_inputs: Whether no trained parameter lies outside of these layers, so that the first
            layer's inputs do not change within a step and may stand for the batch where the
            closure calls only parts of the model.

    Attributes:
        run: What is being recorded.
        records: What each layer saw, by layer name; in the order of the first calls.
        batch_means: Means over rows of the model's inputs, to recognize the batch again. Where only
            a part of it is run again, over the first of these rows.
        head: The rows of these inputs that count.
        rows: Rows of the last run, as the layer that was called first saw them.
        keep_edges: Whether records keep edges, which hold the graph.
    """

    def __init__(
        self, model: nn.Module, adapters: Sequence[LayerAdapter], *, fixed_inputs: bool
    ) -> None:
        self.run = Run.NONE
        self.records: dict[str, LayerRecord] = {}
        self.batch_means: list[Tensor] = []
        self.rows = 0
        self.keep_edges = False
        self._fixed_inputs = fixed_inputs
        self.head = BatchHead(1.0)
        self._model_calls = 0
        self._handles = {
            adapter.name: adapter.module.register_forward_hook(
                _LayerHook(self, adapter), with_kwargs=True
            )
            for adapter in adapters
        }
        model.register_forward_pre_hook(_ModelHook(self), with_kwargs=True)

    def begin(self, run: Run) -> None:
        """Start recording afresh."""
        self.run = run
        self.records = {}
        self.batch_means = []
        self._model_calls = 0
        self.head.begin(first=run is Run.FIRST)

    def end(self) -> dict[str, LayerRecord]:
        """Stop recording and hand over the records."""
        self.run = Run.NONE
        self.rows = self.rows_so_far()
        records, self.records = self.records, {}
        return records

    def drop(self, name: str) -> None:
        """Observe a layer no more."""
        self._handles.pop(name).remove()

    def rows_so_far(self) -> int:
        """Rows seen so far in this run, by the layer that was called first."""
        return next((record.rows for record in self.records.values()), 0)

    def observe_model(self, values: list[Any]) -> None:
        """Note a call of the whole model."""
        if self.run is Run.NONE or _in_backward():
            return
        self._model_calls += 1
        if self.run is not Run.WARM_START:
            self.batch_means += [
                mean
                for value in values
                if isinstance(value, Tensor) and value.dim() > 0
                for mean in self.head.mean(value.detach(), first_call=self._model_calls == 1)
            ]

    def observe(self, adapter: LayerAdapter, inputs: Tensor, output: Tensor) -> Tensor | None:
        """Record one call of a layer.

        Calls without gradients are no part of the loss, and those inside backward are activation
        checkpointing's recomputation: both are ignored.

        Returns:
            What the layer should return instead of its output, or None.
        """
        if self.run is Run.NONE:
            return None
        if self.run is not Run.WARM_START and not torch.is_grad_enabled():
            return None
        if _in_backward():
            # The recomputed graph must have the shape of the one it replaces.
            fresh = self.run.repeats and not output.requires_grad
            return _new_leaf(output) if fresh else None
        record = self.records.setdefault(adapter.name, LayerRecord())
        record.problem = record.problem or self._problem(adapter, record, inputs, output)
        if record.problem is not None:
            return None
        record.model_call = self._model_calls
        rows = adapter.rows(inputs.detach())
        record.rows += rows.shape[0]
        if self.keep_edges and output.requires_grad:
            record.edges.append(get_gradient_edge(output))
        if self.run is Run.WARM_START:
            _add_gram(adapter, record, rows)
            return None
        self._add_sums(record, rows, adapter.rows(output.detach()))
        return self._watch_gradient(record, output)

    def _problem(
        self, adapter: LayerAdapter, record: LayerRecord, inputs: Tensor, output: Tensor
    ) -> str | None:
        if output.dtype != adapter.weight.dtype:
            raise UnsupportedModelError(
                f"layer {adapter.name!r} returned {output.dtype} from {adapter.weight.dtype} "
                "weights: autocast is not supported yet, run the model without it"
            )
        repeated = record.model_call == self._model_calls
        if repeated and not (self.run is Run.WARM_START and self._model_calls == 0):
            return "it is called more than once in one forward of the model"
        return adapter.unsupported_call(inputs)

    def _add_sums(self, record: LayerRecord, inputs: Tensor, outputs: Tensor) -> None:
        if self.run in (Run.FIRST, Run.SAMPLE):
            record.inputs.append(inputs)
            record.input_sums.append(inputs.sum(0))
        first_called = next(iter(self.records.values())) is record
        if first_called and self._model_calls == 0 and self._fixed_inputs:
            self.batch_means += self.head.mean(inputs, first_call=record.output_sum is None)
        total = outputs.sum(0)
        record.output_sum = total if record.output_sum is None else record.output_sum + total

    def _watch_gradient(self, record: LayerRecord, output: Tensor) -> Tensor | None:
        if output.requires_grad:
            output.register_hook(record.add_gradient)  # type: ignore[no-untyped-call]
            return None
        start = _new_leaf(output)
        start.register_hook(record.add_gradient)  # type: ignore[no-untyped-call]
        return start


def _new_leaf(output: Tensor) -> Tensor:
    anchor = torch.zeros((), requires_grad=True)
    start: Tensor = _NewLeaf.apply(anchor, output)  # type: ignore[no-untyped-call]
    return start


def _add_gram(adapter: LayerAdapter, record: LayerRecord, rows: Tensor) -> None:
    if record.gram is None:
        record.gram = rows.new_zeros(adapter.input_dim, adapter.input_dim)
    accumulate_gram_(record.gram, rows, rows.sum(0), decay=1.0, weight=1.0)


def _sum(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.stack(tensors).sum(0)


def _in_backward() -> bool:
    """Whether this thread is inside a backward pass."""
    return bool(torch._C._current_graph_task_id() != -1)
