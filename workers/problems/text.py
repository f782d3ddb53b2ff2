"""The next character of a text, by a small transformer."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.data import arrays
from workers.problems.base import DataMissing, Split, Splits
from workers.problems.likelihoods import Categorical
from workers.problems.stored import Source, on_device
from workers.problems.transformer import Transformer

LENGTH = 64
"""Characters of a row."""
CHARACTERS = 256
"""Codes there may be; a text that has fewer leaves the rest unused."""


@dataclass(frozen=True)
class Rows:
    """How many rows of each part of a text are used, from its beginning."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, kw_only=True)
class CharTransformer(Categorical):
    """Two blocks of 96 features and 4 heads, on rows of 64 characters that follow each other.

    Attributes:
        rows: How much of the text is used; it holds a little more, whichever Python it is of.
        source: Gives the text as codes.
    """

    name: str = "char-transformer"
    rows: Rows = Rows(train=5120, validation=256, test=256)
    source: Source = arrays

    def build_model(self) -> nn.Module:
        """The transformer with fresh weights."""
        return Transformer(characters=CHARACTERS, length=LENGTH, width=96, heads=4, blocks=2)

    def load(self, device: torch.device) -> Splits:
        """Rows of codes as bytes, decoded a batch at a time; their targets are one further on.

        Raises:
            DataMissing: If the text is too short.
        """
        text = self.source("python-text")
        return Splits(
            train=_rows(text["train"], self.rows.train, device),
            validation=_rows(text["validation"], self.rows.validation, device),
            test=_rows(text["test"], self.rows.test, device),
        )


def _rows(codes: npt.NDArray[Any], count: int, device: torch.device) -> Split:
    characters = count * LENGTH
    if len(codes) <= characters:
        raise DataMissing(
            f"a part of the text has {len(codes)} characters, more than {characters} are needed: "
            "give a longer text"
        )
    inputs = on_device(codes[:characters], device).reshape(count, LENGTH)
    targets = on_device(codes[1 : characters + 1], device).reshape(count, LENGTH).long()
    return Split(inputs, targets, decode=Tensor.long)
