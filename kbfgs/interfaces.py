"""What the optimizers' base asks of a method: its options, its layers, and all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kbfgs.distributed.communicator import Communicator
from kbfgs.layers.base import LayerAdapter
from kbfgs.state import SavedState


class Options(Protocol):
    """The options that every optimizer here has."""

    @property
    def lr(self) -> float:
        """Step size of the preconditioned layers."""
        ...

    @property
    def other_lr(self) -> float:
        """Learning rate of the inner AdamW."""
        ...

    @property
    def weight_decay(self) -> float:
        """τ."""
        ...

    @property
    def reduce(self) -> str | None:
        """What ranks exchange under DDP."""
        ...

    @property
    def max_factor_dim(self) -> int:
        """The largest side of a preconditioned layer."""
        ...


class Layer(Protocol):
    """One preconditioned layer."""

    @property
    def adapter(self) -> LayerAdapter:
        """The module as a matrix."""
        ...

    @property
    def state(self) -> SavedState:
        """What is remembered of it."""
        ...


class Layers(Protocol):
    """All preconditioned layers with their curvature."""

    @property
    def layers(self) -> Mapping[str, Layer]:
        """By name, in the order of the model."""
        ...

    @property
    def communicator(self) -> Communicator:
        """The ranks."""
        ...

    def leave_out(self, name: str) -> LayerAdapter:
        """Forget a layer."""
        ...
