"""Which rows of a mini-batch a rank trains on, and what they count."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.problems.base import Split
from workers.ranks.base import Ranks


@dataclass(frozen=True)
class Part:
    """A rank's part of a mini-batch.

    Attributes:
        rows: The indices of its rows, shape (rows,).
        weight: n R / N for n of N rows on R ranks; 1 where all ranks have as many.
    """

    rows: Tensor
    weight: float


def part_of(rows: Tensor, ranks: Ranks) -> Part:
    """This rank's part of a mini-batch.

    Args:
        rows: The indices of all of its rows, shape (rows,).
        ranks: Who shares them.
    """
    own = ranks.share(rows)
    return Part(own, len(own) * ranks.size / len(rows))


def cut(split: Split, batch_size: int, ranks: Ranks) -> Iterator[tuple[Split, float]]:
    """This rank's parts of a split's mini-batches in the order of the rows, with their weights.

    Args:
        split: Whose rows they are.
        batch_size: Rows of a mini-batch, over all ranks.
        ranks: Who shares them.
    """
    if ranks.size == 1:  # slices need no copy
        yield from ((batch, 1.0) for batch in split.cut(batch_size))
        return
    every = torch.arange(len(split), device=split.inputs.device)
    for rows in torch.split(every, batch_size):
        part = part_of(rows, ranks)
        yield split.take(part.rows), part.weight


def smallest_batch(rows: int, batch_size: int) -> int:
    """Rows of the smallest mini-batch of an epoch."""
    return rows % batch_size or min(rows, batch_size)
