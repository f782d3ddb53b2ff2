"""The adapter between one module and the matrix W̄ = [W b] that the method updates."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class LayerAdapter(ABC):
    """Shows one module to the optimizer as a matrix, its inputs and outputs as rows.

    Attributes:
        name: The module's name inside the model.
        module: The module itself.
    """

    def __init__(self, name: str, module: nn.Module) -> None:
        self.name = name
        self.module = module

    @property
    @abstractmethod
    def weight(self) -> nn.Parameter:
        """The weight; its dtype and device are those of the layer's state."""

    @property
    @abstractmethod
    def bias(self) -> nn.Parameter | None:
        """The bias, or None if there is none that is trained."""

    @property
    @abstractmethod
    def input_dim(self) -> int:
        """Rows of A and H_a: inputs, plus one with a bias."""

    @property
    @abstractmethod
    def output_dim(self) -> int:
        """Rows of H_g."""

    @abstractmethod
    def unsupported_call(self, inputs: Tensor) -> str | None:
        """Why a call with these inputs cannot be handled, or None if it can."""

    @abstractmethod
    def rows(self, activations: Tensor) -> Tensor:
        """The module's inputs, outputs or output gradients as (rows, features)."""

    @abstractmethod
    def average_gradient_(self, momentum: Tensor, *, decay: float, weight_decay: float) -> None:
        """M ← β M + (1-β)(∇W̄ + τ W̄) in place, M of shape (output_dim, input_dim)."""

    @abstractmethod
    def move_(self, direction: Tensor, *, lr: float, scale: Tensor | None) -> None:
        """W̄ ← W̄ - lr scale D in place, D of shape (output_dim, input_dim)."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The parameters that this adapter updates."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]
