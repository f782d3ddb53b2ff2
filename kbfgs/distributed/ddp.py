"""What the optimizer needs of a DistributedDataParallel model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from kbfgs.distributed.communicator import Communicator, OneRank, ProcessGroup
from kbfgs.errors import DistributedError, UnsupportedModelError
from kbfgs.phases import PhaseClock


class RowWeightedAverage:
    """A DDP communication hook: gradients averaged by rows instead of by ranks.

    ∇ = Σ_r n_r ∇_r / Σ_r n_r, where n_r are the rows of rank r in this step. The row counts are
    summed once a step, in front of the first bucket.

    Args:
        rows: Called during backward; this rank's rows so far in this step.
        group: The model's process group.
    """

    def __init__(self, rows: Callable[[], int], group: dist.ProcessGroup) -> None:
        self._rows = rows
        self._group = group
        self._total: Tensor | None = None

    def __call__(self, bucket: Any) -> Future[Tensor]:
        """Reduce one bucket."""
        buffer = bucket.buffer()
        rows = self._rows() or 1  # outside of a step there are none to weight by
        if bucket.index() == 0 or self._total is None:
            self._total = torch.tensor(float(rows), dtype=torch.float64, device=buffer.device)
            dist.all_reduce(self._total, group=self._group)
        total = self._total.to(buffer.dtype)
        buffer.mul_(rows)
        reduced = dist.all_reduce(buffer, group=self._group, async_op=True).get_future()
        averaged: Future[Tensor] = reduced.then(lambda done: done.value()[0].div_(total))
        return averaged


def average_by_rows(model: nn.Module, rows: Callable[[], int]) -> None:
    """Register `RowWeightedAverage` on a DDP model; without DDP there is nothing to weight."""
    if not isinstance(model, DistributedDataParallel):
        return
    average = RowWeightedAverage(rows, model.process_group)

    # DDP compares the annotations with types, so there must be none.
    def kbfgs_row_weighted_average(_state, bucket):  # type: ignore[no-untyped-def]
        return average(bucket)

    model.register_comm_hook(None, kbfgs_row_weighted_average)


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside a DDP wrapper.

    Raises:
        UnsupportedModelError: The wrapper is one that is not supported.
    """
    if not isinstance(model, nn.Module):
        raise UnsupportedModelError(
            "give the model itself, whose layers are to be watched, as in KBFGS(model, lr=0.3), "
            f"not {type(model).__name__}"
        )
    if hasattr(model, "_orig_mod"):
        raise UnsupportedModelError("the model is compiled: build KBFGS before torch.compile")
    for name, module in model.named_modules():
        kind = _sharding(module)
        if kind is not None:
            raise UnsupportedModelError(
                f"{f'module {name!r}' if name else type(model).__name__} is under {kind}, but "
                "K-BFGS needs whole weights on every rank: use "
                "torch.nn.parallel.DistributedDataParallel, or where the model does not fit on "
                "one device, torch.optim.AdamW"
            )
    return model.module if isinstance(model, DistributedDataParallel) else model


def _sharding(module: nn.Module) -> str | None:
    """What splits a module's weights or its batch among devices, or None."""
    if isinstance(module, nn.DataParallel):
        return "DataParallel, which splits the batch in one process"
    # By name: its import takes a second, and a module can be one only if someone imported it.
    if any(base.__name__ == "FullyShardedDataParallel" for base in type(module).__mro__):
        return "FullyShardedDataParallel, which shards the weights"
    if any(hasattr(p, "placements") for p in module.parameters(recurse=False)):
        return "fully_shard or another DTensor sharding of its weights"
    return None


def communicator_for(model: nn.Module, *, reduce: str | None, clock: PhaseClock) -> Communicator:
    """The ranks that train a model together; their messages are the clock's exchange.

    Raises:
        DistributedError: Several ranks with settings under which they would drift apart.
    """
    if isinstance(model, DistributedDataParallel):
        group = ProcessGroup(model.process_group, clock)
        if group.world_size > 1 and reduce is None:
            raise DistributedError(
                "reduce=None would let the ranks of a DDP model drift apart: use reduce='vectors'"
            )
        return group if group.world_size > 1 else OneRank()
    communicator = OneRank()
    check_ranks(communicator, reduce=reduce)
    return communicator


def check_ranks(communicator: Communicator, *, reduce: str | None) -> None:
    """Refuse a single rank's optimizer in a process group of several.

    Raises:
        DistributedError: The model is not wrapped in DDP, and the ranks are not independent.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    if several and communicator.world_size == 1 and reduce is not None:
        raise DistributedError(
            f"{dist.get_world_size()} ranks train a model that is not wrapped in DDP: build "
            "KBFGS(DistributedDataParallel(model)), or reduce=None for independent ranks"
        )


@contextmanager
def without_synchronization(model: nn.Module) -> Iterator[None]:
    """Run a DDP model without averaging gradients and without broadcasting buffers.

    `no_sync` alone would broadcast the buffers once more, and leave them out of the next step.
    """
    if not isinstance(model, DistributedDataParallel):
        yield
        return
    broadcast = model.require_forward_param_sync
    model.require_forward_param_sync = False
    try:
        with model.no_sync():
            yield
    finally:
        model.require_forward_param_sync = broadcast
