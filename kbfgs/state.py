"""The state of one preconditioned layer, and its form in a state_dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from kbfgs.config import CurvatureOptions
from kbfgs.curvature.dense import DenseInverse, InputFactor
from kbfgs.curvature.output import OutputInverse, new_output_inverse
from kbfgs.curvature.pairs import PairAverage
from kbfgs.errors import StateError
from kbfgs.layers.base import LayerAdapter
from kbfgs.layout import aligned_zeros


class SavedState(Protocol):
    """The state of one layer as a state_dict sees it."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by name, not copied."""
        ...

    def check(self, name: str, saved: dict[str, Tensor]) -> None:
        """Raise `StateError` for a saved state that `load` could not take."""
        ...

    def load(self, saved: dict[str, Tensor]) -> None:
        """Copy a checked state into this one."""
        ...


class LayerState:
    """Everything the method remembers of one layer, in the weight's dtype and on its device.

    Attributes:
        momentum: M, shape (d_out, d_in + 1).
        input_factor: This rank's share of A, and H_a.
        output_inverse: H_g, as a matrix or as pairs.
        pair: The moving averages of s and y.
        counts: Pairs changed by Powell's damping, pairs changed by the damping against the
            identity, skipped updates of H_g, skipped updates of H_a; int64, shape (4,).
        curvature: sᵀy of the last step, a scalar.
        positions: |T|, the positions of a sample in the last step.
    """

    def __init__(self, adapter: LayerAdapter, options: CurvatureOptions) -> None:
        self._options = options
        weight = adapter.weight

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=weight.dtype, device=weight.device)

        inputs, outputs = adapter.input_dim, adapter.output_dim
        self.momentum = aligned_zeros(outputs, inputs, like=weight)
        self.input_factor = InputFactor(aligned_zeros(inputs, inputs, like=weight))
        self.output_inverse = self._identity(self.momentum)
        self.pair = PairAverage(zeros(outputs), zeros(outputs))
        self.counts = torch.zeros(4, dtype=torch.int64, device=weight.device)
        self.curvature = zeros()
        self.positions = 1.0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of the state by name, not copied, and |T| as one."""
        tensors = {
            "momentum": self.momentum,
            "input_factor": self.input_factor.share,
            "pair_step": self.pair.step,
            "pair_change": self.pair.change,
            "counts": self.counts,
            "curvature": self.curvature,
            "positions": self.momentum.new_tensor(self.positions),
        }
        if self.input_factor.inverse is not None:
            tensors["input_inverse"] = self.input_factor.inverse.matrix
        for key, tensor in self.output_inverse.tensors().items():
            tensors[f"output_{key}"] = tensor
        return tensors

    def check(self, name: str, saved: dict[str, Tensor]) -> None:
        """Refuse a saved state that `load` could not take.

        Raises:
            StateError: Names, shapes or dtypes differ.
        """
        own = self.tensors()
        own.setdefault("input_inverse", self.input_factor.share)
        if saved.keys() | {"input_inverse"} != own.keys():
            raise StateError(
                f"layer {name!r}: the state holds {sorted(saved)}, this optimizer {sorted(own)}: "
                "build it with the same memory, max_factor_dim and ablation"
            )
        for key, value in saved.items():
            if value.shape != own[key].shape or value.dtype != own[key].dtype:
                raise StateError(
                    f"layer {name!r}: {key} is {tuple(value.shape)} {value.dtype} in the state, "
                    f"but {tuple(own[key].shape)} {own[key].dtype} in this model"
                )

    def load(self, saved: dict[str, Tensor]) -> None:
        """Copy a checked state into this one."""
        if "input_inverse" in saved:
            empty = torch.empty_like(self.input_factor.share)
            self.input_factor.inverse = DenseInverse(empty)
        else:
            self.input_factor.inverse = None
        self.output_inverse = self._identity(self.momentum)
        for key, tensor in self.tensors().items():
            tensor.copy_(saved[key])
        self.positions = float(saved["positions"])

    def _identity(self, like: Tensor) -> OutputInverse:
        """H_g before the first pair; `like` has its size as rows."""
        return new_output_inverse(like.shape[0], self._options, like=like)

    @property
    def bytes_held(self) -> int:
        """Bytes of all tensors."""
        return sum(t.numel() * t.element_size() for t in self.tensors().values())


def check_saved(
    saved: dict[str, Any],
    *,
    shapes: dict[str, list[int]],
    layers: Mapping[str, SavedState],
    rank: int,
    world_size: int,
) -> None:
    """Refuse a state of another model, another format or another rank's share.

    Args:
        saved: What `state_dict` gave under "kbfgs".
        shapes: The shape of each of this model's parameters.
        layers: The states of its preconditioned layers.
        rank: This rank.
        world_size: The number of ranks.

    Raises:
        StateError: The state does not fit.
    """
    if saved.get("format") != 1:
        raise StateError(f"not a state of KBFGS format 1: format is {saved.get('format')!r}")
    differing = [
        f"{name} is {saved['shapes'].get(name)} in the state and {shapes.get(name)} here"
        for name in sorted(saved["shapes"].keys() | shapes.keys())
        if saved["shapes"].get(name) != shapes.get(name)
    ]
    if differing:
        raise StateError(f"the state is of another model: {'; '.join(differing)}")
    wanted = layers.keys() - saved["left_out"].keys()
    if saved["layers"].keys() != wanted:
        raise StateError(
            f"the state preconditions {sorted(saved['layers'])}, this optimizer {sorted(wanted)}"
        )
    if not saved["consolidated"] and (saved["rank"], saved["world_size"]) != (rank, world_size):
        raise StateError(
            f"the state holds the share of rank {saved['rank']} of {saved['world_size']}, this is "
            f"rank {rank} of {world_size}: load each rank's own state, call opt.consolidate() on "
            "every rank before saving one for all, or join the ranks' states by kbfgs.merge_states"
        )
    for name in wanted:
        layers[name].check(name, saved["layers"][name])
