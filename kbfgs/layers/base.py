"""The adapter between one module and the matrix W̄ = [W b] that the method updates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn

from kbfgs.errors import UnsupportedModelError


class LayerAdapter(ABC):
    """Shows one module to the optimizer as a matrix, its inputs and outputs as rows.

    A layer is applied at one or several positions of each sample: the time steps of a sequence,
    the places of a convolution's kernel. At each one h = W̄ ā.

    Attributes:
        name: The name of the matrix: the module's name inside the model, with the number of the
            group where a module holds several matrices.
        module_name: The module's name inside the model.
        module: The module itself.
        weight: The weight; its dtype and device are those of the layer's state.
        bias: The bias, or None if there is none that is trained.
        output_dim: Rows of W̄ and H_g.
    """

    def __init__(self, name: str, module: nn.Linear | nn.Conv2d, *, group: int | None) -> None:
        groups = 1 if isinstance(module, nn.Linear) else module.groups
        self.name = name if group is None else f"{name}[{group}]"
        self.module_name = name
        self.module = module
        self.weight = cast("nn.Parameter", module.weight)
        bias = cast("nn.Parameter | None", module.bias)
        self.bias = bias if bias is not None and bias.requires_grad else None
        self.output_dim = self.weight.shape[0] // groups
        start = (group or 0) * self.output_dim
        self._rows = slice(start, start + self.output_dim)
        self._kind = self.weight.dtype, self.weight.device

    @property
    def features(self) -> int:
        """Columns of W: the length of a."""
        return self.weight[0].numel()

    @property
    def input_dim(self) -> int:
        """Rows of A and H_a: the length of a, plus one with a bias."""
        return self.features + (self.bias is not None)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The module's parameters; with groups each adapter updates its own rows of them."""
        return [self.weight] if self.bias is None else [self.weight, self.bias]

    def check_unmoved(self) -> None:
        """Refuse a model that was moved to another dtype or device after the optimizer was built.

        Raises:
            UnsupportedModelError: Its state would not fit.
        """
        kind = self.weight.dtype, self.weight.device
        if kind != self._kind:
            was, now = (f"{dtype} on {device}" for dtype, device in (self._kind, kind))
            raise UnsupportedModelError(
                f"layer {self.name!r} was {was} when the optimizer was built, and is {now}: move "
                "the model first, then build the optimizer over it"
            )

    @abstractmethod
    def unsupported_call(self, inputs: Tensor) -> str | None:
        """Why a call with these inputs cannot be handled, or None if it can."""

    @abstractmethod
    def input_sum(self, inputs: Tensor) -> Tensor:
        """Σ a over samples and positions, shape (features,)."""

    @abstractmethod
    def input_blocks(self, inputs: Tensor) -> Iterator[Tensor]:
        """All a of one call as blocks of rows (positions, features), sample by sample."""

    @abstractmethod
    def output_rows(self, outputs: Tensor) -> Tensor:
        """The outputs or their gradients as (positions, output_dim), sample by sample."""

    def average_gradient_(self, momentum: Tensor, *, decay: float, weight_decay: float) -> None:
        """M ← β M + (1-β)(∇W̄ + τ W̄) in place, M of shape (output_dim, input_dim)."""
        for part, parameter in self._parts(momentum):
            assert parameter.grad is not None
            part.lerp_(parameter.grad[self._rows], 1 - decay)
            if weight_decay:
                part.add_(parameter[self._rows], alpha=(1 - decay) * weight_decay)

    def move_(self, direction: Tensor, *, lr: float, scale: Tensor | None) -> None:
        """W̄ ← W̄ - lr scale D in place, D of shape (output_dim, input_dim)."""
        for part, parameter in self._parts(direction):
            if scale is None:
                parameter[self._rows].add_(part, alpha=-lr)
            else:
                parameter[self._rows].addcmul_(part, scale, value=-lr)

    def _parts(self, matrix: Tensor) -> list[tuple[Tensor, nn.Parameter]]:
        """The columns of a matrix like W̄ that belong to each parameter, in its shape."""
        columns = self.features
        weight = matrix[:, :columns].view(self.output_dim, *self.weight.shape[1:])
        parts: list[tuple[Tensor, nn.Parameter]] = [(weight, self.weight)]
        if self.bias is not None:
            parts.append((torch.select(matrix, 1, columns), self.bias))
        return parts
