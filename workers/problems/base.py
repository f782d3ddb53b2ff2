"""What a problem is to the training loop: a model, data and a loss."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn


class UnknownProblem(LookupError):
    """The catalogue names a problem that these workers cannot build."""


class DataMissing(RuntimeError):
    """The problem's data is not there or not what it should be; the text says what to do."""


@dataclass(frozen=True)
class Split:
    """Rows of a data set on one device.

    Attributes:
        inputs: What the model sees, shape (rows, ...).
        targets: What its output is held against, shape (rows, ...).
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        """Its rows."""
        return self.inputs.shape[0]

    def take(self, rows: Tensor) -> "Split":
        """The rows of these indices, in their order."""
        inputs = self.inputs[rows]
        same = self.targets is self.inputs
        return Split(inputs, inputs if same else self.targets[rows])

    def cut(self, batch_size: int, order: Tensor | None = None) -> Iterator["Split"]:
        """Mini-batches in this order, the last one smaller where they do not divide evenly.

        Args:
            batch_size: Rows of a mini-batch.
            order: A permutation of the rows; the order in which they stand by default.
        """
        if order is None:
            order = torch.arange(len(self))
        for rows in torch.split(order.to(self.inputs.device), batch_size):
            yield self.take(rows)


@dataclass(frozen=True)
class Splits:
    """A problem's data: what is trained on, and what is only measured."""

    train: Split
    test: Split


class Problem(Protocol):
    """A model, data and a loss, by a name of the catalogue."""

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        ...

    def build_model(self) -> nn.Module:
        """A fresh model on the CPU, its weights drawn from torch's global RNG."""
        ...

    def load(self, device: torch.device) -> Splits:
        """The data on this device.

        Raises:
            DataMissing: If it cannot be had.
        """
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean over the rows of each row's loss, a scalar."""
        ...
