"""Counted work of a step on a stack of linear layers with biases: operations and bytes.

A multiplication and an addition are two floating-point operations. Everything is counted from the
layers' shapes and the rows of a mini-batch; elementwise work is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kbfgs import curvature_rows

FLOAT_BYTES = 4


@dataclass(frozen=True)
class Shape:
    """A linear layer: inputs and outputs, and the inputs with the bias's one appended."""

    inputs: int
    outputs: int

    @property
    def augmented(self) -> int:
        """Rows of A."""
        return self.inputs + 1


def shapes(sizes: Sequence[int]) -> list[Shape]:
    """The layers between consecutive sizes."""
    return [Shape(inputs, outputs) for inputs, outputs in pairwise(sizes)]


def forward(layers: Sequence[Shape], rows: int) -> int:
    """Activations times Wᵀ in every layer."""
    return sum(2 * rows * layer.inputs * layer.outputs for layer in layers)


def input_gradients(layers: Sequence[Shape], rows: int) -> int:
    """G W in every layer but the first, whose inputs are data."""
    return forward(layers[1:], rows)


def gradient(layers: Sequence[Shape], rows: int) -> int:
    """Forward, and backward with weight gradients: a step of SGD."""
    return 2 * forward(layers, rows) + input_gradients(layers, rows)


def without_weight_gradients(layers: Sequence[Shape], rows: int) -> int:
    """Forward, and backward to the pre-activations alone: a second pass."""
    return forward(layers, rows) + input_gradients(layers, rows)


def input_factors(layers: Sequence[Shape], rows: int) -> int:
    """Σ a aᵀ of every layer, one triangle."""
    return sum(rows * layer.inputs * (layer.inputs + 1) for layer in layers)


def output_factors(layers: Sequence[Shape], rows: int) -> int:
    """Σ g gᵀ of every layer, one triangle."""
    return sum(rows * layer.outputs * (layer.outputs + 1) for layer in layers)


def direction(layers: Sequence[Shape], *, memory: int | None = None) -> int:
    """H_g M H_a; with `memory` pairs H_g M is two products with 2 memory columns."""
    total = 0
    for layer in layers:
        if memory is None:
            total += 2 * layer.outputs**2 * layer.augmented
        else:
            total += 2 * 2 * (2 * memory) * layer.outputs * layer.augmented
        total += 2 * layer.outputs * layer.augmented**2
    return total


def rank_two_updates(layers: Sequence[Shape], *, memory: int | None = None) -> int:
    """s_a = H_a ā, A s_a, H_a y and the update of H_a; H_g y and the update of H_g."""
    total = 0
    for layer in layers:
        total += 3 * 2 * layer.augmented**2 + 4 * layer.augmented**2
        total += 6 * layer.outputs**2 if memory is None else 2 * 2 * (2 * memory) * layer.outputs
    return total


def inverses(layers: Sequence[Shape], *, every: int) -> int:
    """Inverses of both factors by Cholesky, d³ operations each, shared out over the steps."""
    return sum(layer.augmented**3 + layer.outputs**3 for layer in layers) // every


def kbfgs_phases(
    layers: Sequence[Shape], rows: int, *, fraction: float = 1.0, memory: int | None = None
) -> dict[str, int]:
    """K-BFGS by the names of `PhaseSeconds`.

    The first pass tells of a fraction of its rows what running them alone would, so that only
    after the step they are run alone.
    """
    part = curvature_rows(fraction, rows)
    run_again = without_weight_gradients(layers, part)
    return {
        "first_pass": gradient(layers, rows),
        "input_factors": input_factors(layers, part),
        "direction": direction(layers, memory=memory),
        "second_pass": run_again,
        "curvature": rank_two_updates(layers, memory=memory),
    }


def kfac_phases(layers: Sequence[Shape], rows: int, *, every: int) -> dict[str, int]:
    """K-FAC by the names of `PhaseSeconds`.

    The second pass is the Fisher's: a backward on the first pass's forward.
    """
    return {
        "first_pass": gradient(layers, rows),
        "second_pass": input_gradients(layers, rows),
        "input_factors": input_factors(layers, rows) + output_factors(layers, rows),
        "curvature": inverses(layers, every=every),
        "direction": direction(layers),
    }


def gradient_bytes(layers: Sequence[Shape]) -> int:
    """What DDP sends: all weights and biases."""
    return FLOAT_BYTES * sum(layer.outputs * layer.augmented for layer in layers)


def vector_bytes(layers: Sequence[Shape], *, ranks: int) -> int:
    """{rows of ranks and layers, loss, ā, h, g} and then {loss⁺, A s_a, h⁺, g⁺}."""
    first = ranks + len(layers) + 1 + sum(one.inputs + 2 * one.outputs for one in layers)
    second = 1 + sum(one.augmented + 2 * one.outputs for one in layers)
    return FLOAT_BYTES * (first + second)


def kfac_bytes(layers: Sequence[Shape]) -> int:
    """A and G as packed triangles."""
    triangles = [
        size * (size + 1) // 2 for layer in layers for size in (layer.augmented, layer.outputs)
    ]
    return FLOAT_BYTES * sum(triangles)
