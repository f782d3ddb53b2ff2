"""Ranks that talk through torch.distributed."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

GLOO, NCCL_TOO = "gloo", "cpu:gloo,cuda:nccl"
"""The backends of ranks without GPUs, and with one each."""


class Group:
    """The ranks of the process group that this process is in.

    What the ranks agree on goes over the backend for the CPU, also where gradients go over NCCL,
    so that no number waits for the device.
    """

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def share(self, rows: Tensor) -> Tensor:
        """Every R-th row, so that the first part of a share is the same part of the whole."""
        return rows[self.rank :: self.size]

    def together(self, model: nn.Module) -> nn.Module:
        """The model under DDP."""
        return DistributedDataParallel(model)

    def gather(self, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        """Each rank's numbers, in float64."""
        own = torch.tensor(numbers, dtype=torch.float64)
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own)
        return [tuple(one.tolist()) for one in every]

    def gather_text(self, text: str) -> list[str]:
        """Each rank's text."""
        every: list[Any] = [None] * self.size
        dist.all_gather_object(every, text)
        return every

    def align_buffers(self, model: nn.Module) -> None:
        """Broadcast the buffers of rank 0."""
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
