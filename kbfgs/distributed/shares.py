"""The ranks' shares of A: summed as triangles, and in saved states.

A is the sum of what the ranks hold. A state holds one rank's share, or all of A, and is then
called consolidated: it fits any rank of any number of ranks.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from kbfgs.distributed.communicator import Communicator
from kbfgs.errors import StateError

LayerTensors = dict[str, Tensor]
# A, and K-FAC's G: the tensors of a layer's state that are linear in the data.
SHARED = ("input_factor", "output_factor")


def sum_symmetric(communicator: Communicator, matrices: Sequence[Tensor]) -> list[Tensor]:
    """The sums over the ranks of symmetric matrices; only triangles are sent.

    Args:
        communicator: The ranks.
        matrices: Each of shape (d, d).

    Returns:
        New matrices, or with one rank the given ones.
    """
    if communicator.world_size == 1:
        return list(matrices)
    places = [
        torch.tril_indices(matrix.shape[0], matrix.shape[0], device=matrix.device)
        for matrix in matrices
    ]
    triangles = [
        matrix[rows, columns] for matrix, (rows, columns) in zip(matrices, places, strict=True)
    ]
    sums = []
    for matrix, (rows, columns), triangle in zip(
        matrices, places, communicator.sum_together(triangles), strict=True
    ):
        total = torch.empty_like(matrix)
        total[rows, columns] = triangle
        total[columns, rows] = triangle
        sums.append(total)
    return sums


def scaled_factors(layers: Mapping[str, LayerTensors], factor: float) -> dict[str, LayerTensors]:
    """Layer states with another multiple of A and G, the other tensors as they are.

    Args:
        layers: What `LayerState.tensors` gave, by layer.
        factor: R makes A of the share A / R, and 1 / R the other way.
    """
    if factor == 1:
        return dict(layers)
    return {
        name: tensors | {key: tensors[key] * factor for key in SHARED if key in tensors}
        for name, tensors in layers.items()
    }


def merge_states(states: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One state from those of all ranks; it loads on any number of ranks.

    For a run whose ranks each saved their own `state_dict()`, without `consolidate()`.

    Args:
        states: What `state_dict()` gave on every rank, in any order.

    Raises:
        StateError: A rank is missing, or the states are not of one step of one run.
    """
    saved = sorted((state.get("kbfgs", {}) for state in states), key=lambda s: s.get("rank", -1))
    world_size = saved[0].get("world_size", 0) if saved else 0
    ranks = [each.get("rank") for each in saved]
    if ranks != list(range(world_size)) or not saved:
        raise StateError(f"merge_states needs every rank once, got ranks {ranks} of {world_size}")
    heads = [(each["world_size"], each["steps"], each["consolidated"]) for each in saved]
    if len(set(heads)) > 1:
        raise StateError(
            f"the states are not of one moment: (world size, steps, consolidated) are {heads}"
        )
    merged = copy.deepcopy(next(s for s in states if s["kbfgs"]["rank"] == 0))
    if not merged["kbfgs"]["consolidated"]:
        for name, tensors in merged["kbfgs"]["layers"].items():
            for key in tensors.keys() & SHARED:
                shares = [each["layers"][name][key] for each in saved]
                tensors[key] = torch.stack(shares).sum(0)
        merged["kbfgs"]["consolidated"] = True
    return merged
