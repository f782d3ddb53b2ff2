"""The arrays of a data set as rows on a device, kept as they are stored."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workers.data import Arrays
from workers.problems.base import Split

Source = Callable[[str], Arrays]
"""Gives the arrays of a data set by its name, or raises ``DataMissing``."""


def on_device(array: npt.NDArray[Any], device: torch.device) -> Tensor:
    """The array as a tensor; on the CPU it is the array's own memory.

    A memory-mapped file is then one copy for all processes of a machine. Nobody writes to it:
    batches are gathered into memory of their own.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array).to(device)


def reconstruction(pictures: npt.NDArray[Any], device: torch.device) -> Split:
    """Pictures that are their own targets, as rows of pixels; bytes are shown in [0, 1]."""
    rows = on_device(pictures, device).flatten(1).contiguous()  # else gathering copies them all
    decode = unit_interval if rows.dtype == torch.uint8 else None
    return Split(inputs=rows, targets=rows, decode=decode)


def labelled(
    rows: Tensor, labels: npt.NDArray[Any], *, decode: Callable[[Tensor], Tensor] | None = None
) -> Split:
    """Rows with a class each, the classes as int64."""
    return Split(rows, on_device(labels.astype(np.int64), rows.device), decode=decode)


def unit_interval(pixels: Tensor) -> Tensor:
    """Bytes as float32 in [0, 1]."""
    return pixels.float().div_(255)
