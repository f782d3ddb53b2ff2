"""The adapter of `torch.nn.Linear`."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from kbfgs.layers.base import LayerAdapter


class LinearAdapter(LayerAdapter):
    """A Linear layer applied to (rows, features); W̄ = [W b], or W if the bias is not trained."""

    def __init__(self, name: str, module: nn.Linear) -> None:
        super().__init__(name, module)
        self._weight = cast("nn.Parameter", module.weight)
        bias = cast("nn.Parameter | None", module.bias)
        self._bias = bias if bias is not None and bias.requires_grad else None

    @property
    def weight(self) -> nn.Parameter:
        """Shape (out_features, in_features)."""
        return self._weight

    @property
    def bias(self) -> nn.Parameter | None:
        """Shape (out_features,)."""
        return self._bias

    @property
    def input_dim(self) -> int:
        """in_features, plus one with a bias."""
        return self._weight.shape[1] + (self._bias is not None)

    @property
    def output_dim(self) -> int:
        """out_features."""
        return self._weight.shape[0]

    def unsupported_call(self, inputs: Tensor) -> str | None:
        """Only inputs of shape (rows, features) are handled."""
        if inputs.dim() == 2:
            return None
        return f"input of shape {tuple(inputs.shape)} is not (rows, features)"

    def rows(self, activations: Tensor) -> Tensor:
        """The activations themselves."""
        return activations

    def average_gradient_(self, momentum: Tensor, *, decay: float, weight_decay: float) -> None:
        """M ← β M + (1-β)(∇W̄ + τ W̄) in place."""
        for part, parameter in self._parts(momentum):
            gradient = parameter.grad
            assert gradient is not None
            part.lerp_(gradient, 1 - decay)
            if weight_decay:
                part.add_(parameter, alpha=(1 - decay) * weight_decay)

    def move_(self, direction: Tensor, *, lr: float, scale: Tensor | None) -> None:
        """W̄ ← W̄ - lr scale D in place."""
        for part, parameter in self._parts(direction):
            if scale is None:
                parameter.add_(part, alpha=-lr)
            else:
                parameter.addcmul_(part, scale, value=-lr)

    def _parts(self, matrix: Tensor) -> list[tuple[Tensor, nn.Parameter]]:
        """The columns of a matrix like W̄ that belong to each parameter."""
        columns = self._weight.shape[1]
        parts: list[tuple[Tensor, nn.Parameter]] = [(matrix[:, :columns], self._weight)]
        if self._bias is not None:
            parts.append((torch.select(matrix, 1, columns), self._bias))
        return parts
