"""A node in the graph behind a tensor, which sees the gradient that `backward()` brings there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Note = Callable[[Tensor], None]


class _Tap(torch.autograd.Function):
    """Hands a tensor on, and its gradient back.

    The forward's result is no view, so that a ReLU behind it may change it in place. Where the
    tensor requires no gradient, a graph starts here.
    """

    @staticmethod
    def forward(ctx: Any, _anchor: Tensor, tensor: Tensor, note: Note) -> Tensor:
        ctx.note = note
        return tensor.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        ctx.note(gradient)
        return None, gradient, None


class Taps:
    """Notes gradients in passes of `backward()` alone.

    A closure may also call `torch.autograd.grad`, for a gradient penalty or to weigh losses; what
    that brings to a tensor is no gradient of the loss. Every tap hangs on one anchor, which only a
    pass that fills all `.grad` goes down to. (A hook on the tensor could not tell them apart.)
    """

    def __init__(self) -> None:
        with torch.enable_grad():
            self._anchor = torch.zeros((), requires_grad=True).clone()
        node = self._anchor.grad_fn
        assert node is not None
        self._fills_gradients = node

    def on(self, tensor: Tensor, note: Note) -> Tensor:
        """The same tensor, behind which `note` is called with its gradient."""

        def note_backward(gradient: Tensor) -> None:
            if torch._C._will_engine_execute_node(self._fills_gradients):
                note(gradient)

        tapped: Tensor = _Tap.apply(self._anchor, tensor, note_backward)  # type: ignore[no-untyped-call]
        return tapped

    def start(self, tensor: Tensor) -> Tensor:
        """The same tensor as the start of a graph; its gradient goes nowhere."""
        return self.on(tensor.detach(), lambda _gradient: None)


def in_backward() -> bool:
    """Whether this thread is inside a backward pass."""
    return bool(torch._C._current_graph_task_id() != -1)
