"""Hooks that record what the layers see during a run of the closure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo  # torch.compiler.disable loads the compiler at import
from torch.autograd.graph import GradientEdge, get_gradient_edge

from kbfgs.batch_head import BatchHead, batched_tensors
from kbfgs.errors import UnsupportedModelError
from kbfgs.layers.base import LayerAdapter
from kbfgs.linalg import accumulate_borders_, accumulate_gram_
from kbfgs.precision import autocast_off
from kbfgs.tap import Taps, in_backward

HIDDEN = "it was seen in backward alone: give checkpoint(...) use_reentrant=False"


class Run(Enum):
    """What the model is being run for."""

    NONE = auto()
    WARM_START = auto()
    FIRST = auto()
    SAMPLE = auto()
    PROBE = auto()
    SECOND = auto()
    FISHER = auto()

    @property
    def repeats(self) -> bool:
        """Whether the model is run once more on what it has seen in this step."""
        return self in (Run.SAMPLE, Run.PROBE, Run.SECOND)


@dataclass
class LayerRecord:
    """What one layer saw in one run: sums over positions, and the inputs where A needs them.

    Positions are counted over all samples, micro-batches and calls of the module.

    Attributes:
        positions: How often W̄ was applied.
        head_positions: Of these, how many belong to the rows that count for the curvature, where
            that is a part of the mini-batch and the layer was called once; otherwise None.
        inputs: The module's input of each call in the first pass.
        gram: Σ ā āᵀ in the warm start, shape (input_dim, input_dim).
        input_sums: Σ a of each call, each (features,).
        output_sum: Σ h, shape (d_out,); over the first `head_positions` where that is set.
        gradient_sum: Σ ∂loss/∂h likewise, shape (d_out,); None until a backward has passed.
        problem: Why the layer cannot be preconditioned, or None.
        edges: Where the gradient of each call's output arrives, if the capture keeps edges.
        gradient_gram: Σ g gᵀ in a warm start that samples targets, (output_dim, output_dim).
        head_output: The output's first rows, those of `head_positions`, if the capture keeps them.
    """

    positions: int = 0
    head_positions: int | None = None
    inputs: list[Tensor] = field(default_factory=list)
    gram: Tensor | None = None
    input_sums: list[Tensor] = field(default_factory=list)
    output_sum: Tensor | None = None
    gradient_sum: Tensor | None = None
    problem: str | None = None
    edges: list[GradientEdge] = field(default_factory=list)
    gradient_gram: Tensor | None = None
    head_output: Tensor | None = None

    def add_gradient(self, rows: Tensor) -> None:
        """Add ∂loss/∂h of one call, shape (positions, d_out)."""
        total = rows[: self.head_positions].sum(0)
        self.gradient_sum = total if self.gradient_sum is None else self.gradient_sum + total

    @property
    def input_sum(self) -> Tensor:
        """Σ a over all calls, shape (features,)."""
        return _sum(self.input_sums)

    def input_blocks(self, adapter: LayerAdapter) -> Iterator[Tensor]:
        """All a as blocks of rows (positions, features)."""
        for inputs in self.inputs:
            yield from adapter.input_blocks(inputs)


class _Detached:
    """What a hook becomes in a copy of the model: nothing."""

    def __call__(self, *_args: object) -> None:
        return None


class _LayerHook:
    """Forward hook of one layer; a copied or pickled model loses it.

    It keeps nothing alive: a model whose optimizer is gone does not hold on to its state.
    """

    def __init__(self, capture: Capture, adapter: LayerAdapter) -> None:
        self._capture = ref(capture)
        self._adapter = ref(adapter)

    @_disable_dynamo
    def __call__(
        self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor
    ) -> Tensor | None:
        capture, adapter = self._capture(), self._adapter()
        if capture is None or adapter is None:
            return None
        inputs = args[0] if args else kwargs["input"]
        return capture.observe(adapter, inputs, output)

    def __reduce__(self) -> tuple[type[_Detached], tuple[()]]:
        return _Detached, ()


class _ModelHook:
    """Forward pre-hook of the whole model; a copied or pickled model loses it."""

    def __init__(self, capture: Capture) -> None:
        self._capture = ref(capture)

    @_disable_dynamo
    def __call__(self, _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if (capture := self._capture()) is not None:
            capture.observe_model([*args, *kwargs.values()])

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
        rows: Samples of the last run: the first dimension of the model's first tensor, summed
            over its forwards. Where the closure calls only parts of the model, or hands it no
            tensor, the first dimension that the layer called first saw.
        keep_edges: Whether records keep edges, which hold the graph.
        scaled_loss: Whether losses are scaled, so that layers may return float16.
        keep_heads: Whether records keep the outputs' first rows.
    """

    def __init__(
        self, model: nn.Module, adapters: Sequence[LayerAdapter], *, fixed_inputs: bool
    ) -> None:
        self.run = Run.NONE
        self.records: dict[str, LayerRecord] = {}
        self.batch_means: list[Tensor] = []
        self.rows = 0
        self.keep_edges = False
        self.scaled_loss = False
        self.keep_heads = False
        self._fixed_inputs = fixed_inputs
        self.head = BatchHead(1.0)
        self._taps = Taps()
        self._model_calls = 0
        self._awaits_rows = False
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
        self.rows = 0
        self._model_calls = 0
        self.head.begin(first=run is Run.FIRST)
        self._awaits_rows = False

    def end(self) -> dict[str, LayerRecord]:
        """Stop recording and hand over the records."""
        self.run = Run.NONE
        records, self.records = self.records, {}
        return records

    def drop(self, name: str) -> None:
        """Observe a layer no more."""
        self._handles.pop(name).remove()

    def rows_so_far(self) -> int:
        """Samples seen so far in this run."""
        return self.rows

    def observe_model(self, values: list[Any]) -> None:
        """Note a call of the whole model."""
        if self.run is Run.NONE or not self._is_counted() or in_backward():
            return
        self._model_calls += 1
        if self.run is not Run.WARM_START:
            self.batch_means += [
                mean
                for value in batched_tensors(values)
                for mean in self.head.mean(value.detach(), first_call=self._model_calls == 1)
            ]
        # Not one inside a list, which may be one of the samples.
        batch = next((v for v in values if isinstance(v, Tensor) and v.dim() > 0), None)
        self._awaits_rows = batch is None
        self.rows += 0 if batch is None else batch.shape[0]

    def observe(self, adapter: LayerAdapter, inputs: Tensor, output: Tensor) -> Tensor | None:
        """Record one call of a layer.

        Calls without gradients are no part of the loss, and those inside backward are activation
        checkpointing's recomputation: both are ignored. A layer that is seen in the latter alone
        was hidden by a reentrant checkpoint.

        Returns:
            What the layer should return instead of its output, or None.
        """
        if self.run is Run.NONE or not self._is_counted():
            return None
        if in_backward():
            self.records.setdefault(adapter.name, LayerRecord(problem=HIDDEN))
            # The recomputed graph must have the shape of the one it replaces.
            starts = self.run.repeats and not output.requires_grad
            return self._taps.start(output) if starts or self.run is Run.PROBE else None
        record = self.records.setdefault(adapter.name, LayerRecord())
        record.problem = record.problem or self._problem(adapter, inputs, output)
        if record.problem is not None:
            return None
        self._count_rows(record, inputs)
        if self.keep_edges and output.requires_grad:
            record.edges.append(get_gradient_edge(output))
        with autocast_off(output.device.type):
            self._add_call(adapter, record, inputs.detach(), output.detach())
        return None if self.run is Run.WARM_START else self._tap(adapter, record, output)

    def _tap(self, adapter: LayerAdapter, record: LayerRecord, output: Tensor) -> Tensor:
        """Add up the output's gradient in backward, from the start of a graph if there is none.

        A probe starts one at every layer: its backward comes to those that the loss takes alone.
        """

        def add(gradient: Tensor) -> None:
            record.add_gradient(adapter.output_rows(gradient.detach().to(adapter.weight.dtype)))

        return self._taps.on(output.detach() if self.run is Run.PROBE else output, add)

    def _add_call(
        self, adapter: LayerAdapter, record: LayerRecord, inputs: Tensor, output: Tensor
    ) -> None:
        dtype = adapter.weight.dtype
        outputs = adapter.output_rows(output.to(dtype))
        is_first = record.positions == 0
        record.positions += outputs.shape[0]
        record.head_positions = self._head_positions(outputs.shape[0]) if is_first else None
        if self.keep_heads and record.head_positions is not None:
            head = self.head.part_of(output.shape[0], rows=self.rows)
            record.head_output = None if head is None else output[:head].clone()
        if self.run is Run.WARM_START:
            _add_gram(adapter, record, inputs.to(dtype))
        else:
            self._add_sums(adapter, record, inputs.to(dtype), outputs)

    def _is_counted(self) -> bool:
        return self.run is Run.WARM_START or torch.is_grad_enabled()

    def _is_first_called(self, record: LayerRecord) -> bool:
        return next(iter(self.records.values())) is record

    def _count_rows(self, record: LayerRecord, inputs: Tensor) -> None:
        """Count the samples by a layer where the model's own inputs do not tell them."""
        if self._awaits_rows or (self._model_calls == 0 and self._is_first_called(record)):
            self.rows += inputs.shape[0]
            self._awaits_rows = False

    def _problem(self, adapter: LayerAdapter, inputs: Tensor, output: Tensor) -> str | None:
        if output.dtype == torch.float16:
            self._require_scaled_loss(adapter, output)
        return adapter.unsupported_call(inputs)

    def _require_scaled_loss(self, adapter: LayerAdapter, output: Tensor) -> None:
        if not self.scaled_loss:
            raise UnsupportedModelError(
                f"layer {adapter.name!r} returned torch.float16, which needs a scaled loss: give "
                "the optimizer an enabled GradScaler as grad_scaler, or use autocast with "
                "torch.bfloat16, which does without"
            )
        if self.run is Run.WARM_START and output.requires_grad:
            raise UnsupportedModelError(
                f"layer {adapter.name!r} returned torch.float16 in warm_start(fisher_loss), where "
                "no scale has been found yet: leave autocast out of the warm start"
            )

    def _head_positions(self, positions: int) -> int | None:
        """How many positions of a call in the first run belong to the rows that count."""
        if self.run is not Run.FIRST or self._model_calls != 1:
            return None
        return self.head.part_of(positions, rows=self.rows)

    def _add_sums(
        self, adapter: LayerAdapter, record: LayerRecord, inputs: Tensor, outputs: Tensor
    ) -> None:
        if self.run in (Run.FIRST, Run.SAMPLE):
            record.inputs.append(inputs)
        if self.run is not Run.SECOND:
            record.input_sums.append(adapter.input_sum(inputs))
        if self._is_first_called(record) and self._model_calls == 0 and self._fixed_inputs:
            self.batch_means += self.head.mean(inputs, first_call=record.positions == len(outputs))
        if self.run is Run.PROBE:  # its outputs are taken from the first run
            return
        total = outputs[: record.head_positions].sum(0)
        record.output_sum = total if record.output_sum is None else record.output_sum + total


def _add_gram(adapter: LayerAdapter, record: LayerRecord, inputs: Tensor) -> None:
    if record.gram is None:
        record.gram = inputs.new_zeros(adapter.input_dim, adapter.input_dim)
    positions = 0
    for rows in adapter.input_blocks(inputs):
        accumulate_gram_(record.gram, rows, decay=1.0, weight=1.0)
        positions += len(rows)
    sums = [adapter.input_sum(inputs)]
    accumulate_borders_([record.gram], sums, [positions], decay=1.0, weight=1.0)


def _sum(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.stack(tensors).sum(0)
