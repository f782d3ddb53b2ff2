"""Sums over ranks; with one rank nothing happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from kbfgs.phases import PhaseClock


class Communicator(Protocol):
    """Sums tensors over all ranks.

    Attributes:
        rank: This rank, from 0.
        world_size: The number of ranks.
        bytes_sent: Bytes handed to the network since it was last set to 0.
    """

    rank: int
    world_size: int
    bytes_sent: int

    def sum_together(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums over the ranks of several tensors, by one message."""
        ...


class OneRank:
    """The communicator of a single process: every sum is the tensor itself."""

    def __init__(self) -> None:
        self.rank = 0
        self.world_size = 1
        self.bytes_sent = 0

    def sum_together(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The tensors themselves."""
        return list(tensors)


class ProcessGroup:
    """Sums over a torch.distributed process group.

    Args:
        group: The group; None is the default one.
        clock: What the messages are timed by, as the phase `exchange`.
    """

    def __init__(
        self, group: dist.ProcessGroup | None = None, clock: PhaseClock | None = None
    ) -> None:
        self._group = group
        self._clock = clock or PhaseClock()
        self.rank = dist.get_rank(group)
        self.world_size = dist.get_world_size(group)
        self.bytes_sent = 0

    def sum_together(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """The sums over the ranks, packed in one buffer of the widest dtype."""
        packed = torch.cat([tensor.detach().reshape(-1) for tensor in tensors])
        with self._clock.phase("exchange"):
            dist.all_reduce(packed, group=self._group)
        self.bytes_sent += packed.numel() * packed.element_size()
        pieces = torch.split(packed, [tensor.numel() for tensor in tensors])
        return [
            piece.to(tensor.dtype).view(tensor.shape)
            for piece, tensor in zip(pieces, tensors, strict=True)
        ]
