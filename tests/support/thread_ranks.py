"""Ranks that are threads of one process: they agree as real ones do, and share no gradients."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from torch import Tensor, nn

from workers.ranks import Ranks

T = TypeVar("T")
SECONDS = 10.0


class _Table:
    """Where the ranks lay what they say, and wait for the others."""

    def __init__(self, size: int) -> None:
        self.said: list[Any] = [None] * size
        self.barrier = threading.Barrier(size, timeout=SECONDS)


class ThreadRank:
    """One of them."""

    def __init__(self, table: _Table, rank: int, size: int) -> None:
        self._table, self.rank, self.size = table, rank, size

    def share(self, rows: Tensor) -> Tensor:
        return rows[self.rank :: self.size]

    def together(self, model: nn.Module) -> nn.Module:
        return model

    def gather(self, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        return self._all(tuple(float(number) for number in numbers))

    def gather_text(self, text: str) -> list[str]:
        return self._all(text)

    def align_buffers(self, model: nn.Module) -> None:
        pass

    def _all(self, own: T) -> list[T]:
        self._table.said[self.rank] = own
        self._table.barrier.wait()
        every = list(self._table.said)
        self._table.barrier.wait()  # nobody says the next thing before all have read
        return every


def on_ranks(size: int, run: Callable[[Ranks], T]) -> list[T]:
    """What each rank's ``run`` gives, or the first exception."""
    table = _Table(size)
    with ThreadPoolExecutor(size) as pool:
        runs = [pool.submit(run, ThreadRank(table, rank, size)) for rank in range(size)]
        return [one.result() for one in runs]
