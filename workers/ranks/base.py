"""What a training run needs of the ranks that train with it; with one rank nothing happens."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn


class Ranks(Protocol):
    """The ranks of one trial, as one of them sees them.

    Every method but :meth:`share` is a collective: all ranks call it, in the same order.
    """

    @property
    def rank(self) -> int:
        """This one's number, from 0."""
        ...

    @property
    def size(self) -> int:
        """How many there are."""
        ...

    def share(self, rows: Tensor) -> Tensor:
        """This rank's rows of a mini-batch: every R-th one.

        Args:
            rows: Indices, shape (rows,).
        """
        ...

    def together(self, model: nn.Module) -> nn.Module:
        """The model as all ranks train it: its gradients are means over the ranks."""
        ...

    def gather(self, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        """Each rank's numbers, in the order of the ranks."""
        ...

    def gather_text(self, text: str) -> list[str]:
        """Each rank's text, in the order of the ranks."""
        ...

    def align_buffers(self, model: nn.Module) -> None:
        """Give every rank the buffers of rank 0, such as batch norm's running statistics."""
        ...


class Alone:
    """One rank that shares nothing."""

    rank, size = 0, 1

    def share(self, rows: Tensor) -> Tensor:
        """All of them."""
        return rows

    def together(self, model: nn.Module) -> nn.Module:
        """The model itself."""
        return model

    def gather(self, numbers: Sequence[float]) -> list[tuple[float, ...]]:
        """Its own."""
        return [tuple(numbers)]

    def gather_text(self, text: str) -> list[str]:
        """Its own."""
        return [text]

    def align_buffers(self, model: nn.Module) -> None:
        """They are its own."""


ALONE = Alone()


def summed(ranks: Ranks, numbers: Sequence[float]) -> list[float]:
    """The sums over the ranks, added in their order, so that every rank has the same bits."""
    return [sum(column) for column in zip(*ranks.gather(numbers), strict=True)]
