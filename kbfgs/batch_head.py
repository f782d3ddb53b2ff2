"""How a part of a mini-batch is recognized when it is run again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor


def curvature_rows(fraction: float, rows: int) -> int:
    """⌈f·B⌉, the rows of a second pass over a fraction f of B rows: at least one, if there are any.

    Args:
        fraction: f, the optimizer's `curvature_fraction`.
        rows: B, the rows of the mini-batch.
    """
    # The product of, say, 0.07 and 100 lies above 7.
    return min(rows, max(1, math.ceil(round(fraction * rows, 6))))


def batched_tensors(value: Any) -> Iterator[Tensor]:
    """The tensors with rows in a model's inputs, also inside of containers and dataclasses."""
    if isinstance(value, Tensor):
        if value.dim() > 0:
            yield value
        return
    inside: list[Any] = []
    if isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, list | tuple):
        inside = list(value)
    elif is_dataclass(value) and not isinstance(value, type):
        inside = [getattr(value, field.name) for field in fields(value)]
    for each in inside:
        yield from batched_tensors(each)


class BatchHead:
    """Means over the first rows of the tensors that a run starts from.

    With a fraction of 1 these are the means over all rows of every tensor. Otherwise the first
    run sets how many rows of each tensor of the first forward count, and later runs in the step
    follow it.

    Args:
        fraction: f, the part of the mini-batch that is run again.
    """

    def __init__(self, fraction: float) -> None:
        self._fraction = fraction
        self._rows: list[int] = []
        self._seen = 0
        self._first = False

    def begin(self, *, first: bool) -> None:
        """Start a run; `first` is the one over the whole mini-batch."""
        self._seen = 0
        self._first = first
        if first:
            self._rows = []

    def part_of(self, positions: int, *, rows: int) -> int | None:
        """The positions of the first ⌈f·B⌉ of B rows, or None where they do not divide so."""
        if self._fraction == 1 or rows == 0:
            return None
        part, rest = divmod(positions * curvature_rows(self._fraction, rows), rows)
        return None if rest else part

    def mean(self, value: Tensor, *, first_call: bool) -> list[Tensor]:
        """The mean over the rows that count, in a list that is empty if none does.

        Args:
            value: Shape (rows, ...).
            first_call: Whether it belongs to the first forward of the run.
        """
        exact = torch.float64 if value.is_floating_point() else torch.float32
        if self._fraction == 1:
            return [value.to(exact).mean(0)]
        if not first_call:
            return []
        if self._first:
            self._rows.append(curvature_rows(self._fraction, value.shape[0]))
        self._seen += 1
        if self._seen > len(self._rows):
            return []
        rows = self._rows[self._seen - 1]
        if value.shape[0] < rows:  # a smaller micro-batch: NaN agrees with anything
            return [value.new_full(value.shape[1:], torch.nan, dtype=exact)]
        return [value[:rows].to(exact).mean(0)]
