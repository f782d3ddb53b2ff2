"""Small arrays in the format of each data set, drawn here: for problems without their files."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]
TRAIN, TEST = 24, 12
TEXT = 24 * 64 + 1
"""Characters of the training text; a tenth of them in each of the other parts."""


@cache
def generated(name: str) -> Arrays:
    """Arrays named and typed as those of this data set, with far fewer rows, and read-only."""
    random = np.random.default_rng(11)
    arrays = FORMATS[name](random)
    for array in arrays.values():
        array.flags.writeable = False
    return MappingProxyType(arrays)


def _smooth(random: np.random.Generator, rows: int, pixels: int) -> npt.NDArray[np.float32]:
    """Rows in [0, 1] with three causes, so that a network has something to find."""
    causes = random.random((rows, 3)) / 3
    patterns = np.random.default_rng(5).random((3, pixels))
    return (causes @ patterns).astype(np.float32)


def _bytes(random: np.random.Generator, *shape: int) -> npt.NDArray[np.uint8]:
    rows = _smooth(random, shape[0], int(np.prod(shape[1:])))
    return (255 * rows).astype(np.uint8).reshape(shape)


def _labels(random: np.random.Generator, rows: int) -> npt.NDArray[np.uint8]:
    return random.integers(0, 10, rows).astype(np.uint8)


def _labelled(*shape: int) -> Callable[[np.random.Generator], dict[str, npt.NDArray[Any]]]:
    return lambda random: {
        "train_pictures": _bytes(random, TRAIN, *shape),
        "train_labels": _labels(random, TRAIN),
        "test_pictures": _bytes(random, TEST, *shape),
        "test_labels": _labels(random, TEST),
    }


def _rows(pixels: int) -> Callable[[np.random.Generator], dict[str, npt.NDArray[Any]]]:
    return lambda random: {
        "train": _smooth(random, TRAIN, pixels),
        "test": _smooth(random, TEST, pixels),
    }


def _centred(random: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """As FACES: of any sign, with unit variance."""
    return {
        part: ((rows - rows.mean(1, keepdims=True)) / rows.std()).astype(np.float32)
        for part, rows in _rows(625)(random).items()
    }


def _centred_and_thinned(random: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """As many thinned rows as others, so that there are batches of them."""
    thinned = {f"thinned_{part}": rows for part, rows in _centred(random).items()}
    return _centred(random) | thinned


def _digits(random: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    return {
        "train": _bytes(random, TRAIN, 784),
        "train_labels": _labels(random, TRAIN),
        "test": _bytes(random, TEST, 784),
        "test_labels": _labels(random, TEST),
    }


def _text(random: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    """A text over 20 characters in which most places follow from the one before."""
    length = TEXT + 2 * (TEXT // 10)
    steps = np.where(random.random(length) < 0.8, 1, random.integers(0, 20, length))
    parts = np.split((np.cumsum(steps) % 20).astype(np.uint8), [TEXT, TEXT + TEXT // 10])
    vocabulary = np.arange(97, 117, dtype=np.uint32)
    return dict(zip(("train", "validation", "test"), parts, strict=True), vocabulary=vocabulary)


FORMATS: Mapping[str, Callable[[np.random.Generator], dict[str, npt.NDArray[Any]]]] = {
    "mnist": _labelled(28, 28),
    "fashion-mnist": _labelled(28, 28),
    "cifar10": _labelled(3, 32, 32),
    "faces": _centred,
    "faces-like": _centred_and_thinned,
    "curves": _rows(784),
    "curves-like": _rows(784),
    "mnist-5k": _digits,
    "python-text": _text,
}
