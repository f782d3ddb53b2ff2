"""One layer preconditioned by K-FAC, and the form of its state in a state_dict."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from kbfgs.capture import LayerRecord
from kbfgs.errors import StateError
from kbfgs.kfac.config import KFACSettings
from kbfgs.kfac.factor import Factor
from kbfgs.layers.base import LayerAdapter
from kbfgs.layout import aligned_product, aligned_zeros


class KFACState:
    """Everything K-FAC remembers of one layer, in the weight's dtype and on its device.

    Attributes:
        momentum: M, shape (d_out, d_in + 1).
        inputs: A, shape (d_in + 1, d_in + 1).
        outputs: G, shape (d_out, d_out).
        positions: |T|, the positions of a sample in the last step.
    """

    def __init__(self, adapter: LayerAdapter) -> None:
        weight = adapter.weight.detach()
        self.momentum = aligned_zeros(adapter.output_dim, adapter.input_dim, like=weight)
        self.inputs = Factor(adapter.input_dim, weight)
        self.outputs = Factor(adapter.output_dim, weight)
        self.positions = 1.0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by name, not copied, and |T| as one."""
        return {
            "momentum": self.momentum,
            "input_factor": self.inputs.share,
            "input_inverse": self.inputs.inverse,
            "input_known": self.inputs.known,
            "output_factor": self.outputs.share,
            "output_inverse": self.outputs.inverse,
            "output_known": self.outputs.known,
            "positions": self.momentum.new_tensor(self.positions),
        }

    def check(self, name: str, saved: dict[str, Tensor]) -> None:
        """Refuse a saved state that `load` could not take.

        Raises:
            StateError: Names, shapes or dtypes differ.
        """
        own = self.tensors()
        if saved.keys() != own.keys():
            raise StateError(f"layer {name!r}: the state holds {sorted(saved)}")
        for key, value in saved.items():
            if value.shape != own[key].shape or value.dtype != own[key].dtype:
                raise StateError(
                    f"layer {name!r}: {key} is {tuple(value.shape)} {value.dtype} in the state, "
                    f"but {tuple(own[key].shape)} {own[key].dtype} in this model"
                )

    def load(self, saved: dict[str, Tensor]) -> None:
        """Copy a checked state into this one."""
        for key, tensor in self.tensors().items():
            tensor.copy_(saved[key])
        self.positions = float(saved["positions"])

    @property
    def bytes_held(self) -> int:
        """Bytes of all tensors."""
        return sum(t.numel() * t.element_size() for t in self.tensors().values())


class KFACLayer:
    """A layer whose Fisher block is A ⊗ G.

    Attributes:
        adapter: The module as a matrix.
        state: What is remembered of it.
    """

    def __init__(self, adapter: LayerAdapter) -> None:
        self.adapter = adapter
        self.state = KFACState(adapter)

    def average_gradient(self, settings: KFACSettings) -> None:
        """M ← β M + (1-β)(∇W̄ + τ W̄)."""
        self.adapter.average_gradient_(
            self.state.momentum, decay=settings.momentum, weight_decay=settings.weight_decay
        )

    def learn_inputs(self, record: LayerRecord, *, rows: float, decay: float) -> None:
        """A_r ← β A_r + (1-β)/C Σ ā āᵀ over this rank's rows, C being the rows of all ranks.

        The sum is over all positions of each row.
        """
        blocks = record.input_blocks(self.adapter)
        total = record.input_sum, float(record.positions)
        self.state.inputs.accumulate(blocks, decay=decay, weight=1 / rows, total=total)

    def learn_outputs(
        self, gradients: Sequence[Tensor], *, local_rows: int, positions: float, decay: float
    ) -> None:
        """G_r ← β G_r + (1-β)/P Σ g gᵀ over this rank's positions, P being those of all ranks.

        Args:
            gradients: Gradients of this rank's mean loss with respect to the module's outputs:
                g / local_rows.
            local_rows: This rank's rows.
            positions: P.
            decay: β.
        """
        parts = (
            self.adapter.output_rows(gradient).to(self.state.momentum.dtype)
            for gradient in gradients
        )
        self.state.outputs.accumulate(parts, decay=decay, weight=local_rows**2 / positions)

    def see_positions(self, positions: float) -> None:
        """Note |T|, the positions of a sample in this step."""
        self.state.positions = positions

    def direction(self) -> Tensor:
        """G⁻¹ M A⁻¹, shape (d_out, d_in + 1)."""
        state = self.state
        return aligned_product(
            aligned_product(state.outputs.inverse, state.momentum), state.inputs.inverse
        )
