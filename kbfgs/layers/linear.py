"""The adapter of `torch.nn.Linear`."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from kbfgs.layers.base import LayerAdapter


class LinearAdapter(LayerAdapter):
    """A Linear layer applied to (rows, ..., features), each of the dimensions between a position.

    W̄ = [W b], or W if the bias is not trained.
    """

    def __init__(self, name: str, module: nn.Linear) -> None:
        super().__init__(name, module, group=None)

    def unsupported_call(self, inputs: Tensor) -> str | None:
        """Inputs without a batch dimension are not handled."""
        if inputs.dim() > 1:
            return None
        return f"input of shape {tuple(inputs.shape)} is not (rows, ..., features)"

    def input_sum(self, inputs: Tensor) -> Tensor:
        """Σ a, shape (in_features,)."""
        return _flat(inputs).sum(0)

    def input_blocks(self, inputs: Tensor) -> Iterator[Tensor]:
        """The inputs as one block."""
        yield _flat(inputs)

    def output_rows(self, outputs: Tensor) -> Tensor:
        """Shape (positions, out_features)."""
        return _flat(outputs)


def _flat(activations: Tensor) -> Tensor:
    return activations.reshape(-1, activations.shape[-1])
