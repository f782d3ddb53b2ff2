"""What a problem is to the training loop: a model, data and a loss."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from workers.data import DataMissing

__all__ = [
    "Augmenting",
    "Classifying",
    "DataMissing",
    "Problem",
    "Split",
    "Splits",
    "UnknownProblem",
]


class UnknownProblem(LookupError):
    """The catalogue names a problem that these workers cannot build."""


@dataclass(frozen=True)
class Split:
    """Rows of a data set on one device.

    Bytes stay bytes until a batch of them is wanted: they are a quarter of the memory, and
    gathering them and then decoding is faster than gathering numbers.

    Attributes:
        inputs: What the model sees, shape (rows, ...), or what :attr:`decode` makes that of.
        targets: What its output is held against, shape (rows, ...); those that are the inputs
            themselves are decoded with them.
        decode: Turns a batch of inputs into what the model sees, row by row; None where they
            are that already.
    """

    inputs: Tensor
    targets: Tensor
    decode: Callable[[Tensor], Tensor] | None = None

    def __len__(self) -> int:
        """Its rows."""
        return self.inputs.shape[0]

    def take(self, rows: Tensor) -> "Split":
        """The rows of these indices as the model sees them, in their order."""
        return self._batch(rows)

    def cut(self, batch_size: int, *, first: int = 0, every: int = 1) -> Iterator["Split"]:
        """Batches in the order of the rows, the last one smaller where they do not divide evenly.

        Args:
            batch_size: Rows of a batch.
            first: The number of the first batch that is wanted.
            every: How many batches further the next one is.
        """
        for start in range(first * batch_size, len(self), every * batch_size):
            yield self._batch(slice(start, start + batch_size))

    def _batch(self, rows: Tensor | slice) -> "Split":
        inputs = _picked(self.inputs, rows)
        if self.decode is not None:
            inputs = self.decode(inputs)
        if self.targets is self.inputs:
            return Split(inputs, inputs)
        return Split(inputs, _picked(self.targets, rows))


def _picked(stored: Tensor, rows: Tensor | slice) -> Tensor:
    """These rows; bytes are gathered five times as fast by index_select as by indexing."""
    return stored[rows] if isinstance(rows, slice) else stored.index_select(0, rows)


@dataclass(frozen=True)
class Splits:
    """A problem's data: what is trained on, and what is only measured.

    Attributes:
        train: What is trained on.
        test: What nothing is ever chosen by.
        validation: What settings may be chosen by; None where the problem keeps no rows for it.
    """

    train: Split
    test: Split
    validation: Split | None = None


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

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """Targets drawn from the model's own predictive distribution, for K-FAC's Fisher.

        That is the distribution whose negative log-likelihood the loss is, up to a constant.
        Drawn from torch's global RNG of the outputs' device; no gradient flows through them.

        Args:
            outputs: What the model gave, as :meth:`loss` takes it.

        Returns:
            Targets as :meth:`loss` takes them.
        """
        ...


@runtime_checkable
class Classifying(Protocol):
    """A problem whose rows are right or wrong, so that an accuracy can be told."""

    def correct(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How many rows are right, a scalar.

        A row with several positions counts by the share of them that are right.
        """
        ...


@runtime_checkable
class Augmenting(Protocol):
    """A problem whose training rows look different each time they are seen."""

    def augment(self, batch: Split, rows: Tensor, *, seed: int, epoch: int) -> Split:
        """These training rows as they are seen in this epoch, outside the clock.

        Each row's picture follows from (seed, epoch, its index) alone, so that every contender
        sees the same ones, a resumed trial too, and any number of ranks that share the rows.

        Args:
            batch: Rows of the training split.
            rows: Their indices in it, shape (rows,), on the batch's device.
            seed: The trial's seed.
            epoch: The epochs that are over.
        """
        ...
