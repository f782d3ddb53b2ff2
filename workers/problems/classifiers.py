"""Classification of pictures, with a part of the training rows held out for validation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.data import arrays
from workers.problems.base import Split, Splits
from workers.problems.likelihoods import Categorical
from workers.problems.stored import Source, labelled, on_device


@dataclass(frozen=True, kw_only=True)
class PictureClassifier(Categorical):
    """A network that tells what is on a picture.

    Attributes:
        name: Its name in the catalogue.
        data: The data set, by its name in ``workers.data``: pictures as bytes, and labels.
        network: Makes the network with fresh weights.
        decode: Turns pictures of bytes into what the network sees.
        one_in: One in so many training rows is held out for validation: the last of them, in
            the order of the file, which knows no classes.
        source: Gives the arrays.
    """

    name: str
    data: str
    network: Callable[[], nn.Module]
    decode: Callable[[Tensor], Tensor]
    one_in: int
    source: Source = arrays

    def build_model(self) -> nn.Module:
        """The network with fresh weights."""
        return self.network()

    def load(self, device: torch.device) -> Splits:
        """The pictures as bytes, decoded a batch at a time, and their classes."""
        found = self.source(self.data)
        pictures, labels = found["train_pictures"], found["train_labels"]
        kept = len(pictures) - len(pictures) // self.one_in
        return Splits(
            train=self._split(pictures[:kept], labels[:kept], device),
            validation=self._split(pictures[kept:], labels[kept:], device),
            test=self._split(found["test_pictures"], found["test_labels"], device),
        )

    def _split(
        self, pictures: npt.NDArray[Any], labels: npt.NDArray[Any], device: torch.device
    ) -> Split:
        return labelled(on_device(pictures, device), labels, decode=self.decode)
