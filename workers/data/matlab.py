"""Matrices in MATLAB files: FACES, CURVES and the Olivetti pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing
from workers.data.source import Source

_FACES_KEY = "newfaces_single"
_CURVES_KEYS = {"train": "bdata", "test": "bdatatest"}


def read_matrix(path: Path, key: str) -> npt.NDArray[Any]:
    """The matrix of that key.

    Raises:
        DataMissing: Where the file cannot be read or has no such key.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(path, variable_names=[key])
    except Exception as error:  # damaged files fail in many ways
        raise DataMissing(f"{path} is not a MATLAB file: {error}") from error
    if key not in found:
        raise DataMissing(f"{path} has no matrix {key!r}")
    return np.asarray(found[key])


def faces(
    source: Source, *, train: int = 103_500, test: int = 41_400, rows: int = 165_600
) -> DataSet:
    """FACES: one picture of 25 × 25 a column, the first for training and the last for testing.

    Args:
        source: The file.
        train: Training pictures.
        test: Test pictures.
        rows: Pictures in the file.
    """

    def read(files: Sequence[Path]) -> Arrays:
        (path,) = files
        matrix = read_matrix(path, _FACES_KEY)
        if matrix.ndim != 2 or matrix.shape[1] != rows:
            raise DataMissing(f"{path}: {_FACES_KEY} should have {rows} columns, {matrix.shape}")
        return {
            "train": np.ascontiguousarray(matrix[:, :train].T, dtype=np.float32),
            "test": np.ascontiguousarray(matrix[:, rows - test :].T, dtype=np.float32),
        }

    return DataSet(
        name="faces",
        title="FACES: the paper's 25 × 25 pictures, turned and scaled",
        version=1,
        sources=(source,),
        read=read,
        layout={"train": Layout("float32", (train, 625)), "test": Layout("float32", (test, 625))},
    )


def curves(source: Source, *, train: int = 20_000, test: int = 10_000) -> DataSet:
    """CURVES: one picture of 28 × 28 in [0, 1] a row.

    Args:
        source: The file.
        train: Training pictures.
        test: Test pictures.
    """
    return DataSet(
        name="curves",
        title="CURVES: the paper's 28 × 28 pictures of curves",
        version=1,
        sources=(source,),
        read=_read_curves,
        layout={"train": Layout("float32", (train, 784)), "test": Layout("float32", (test, 784))},
    )


def _read_curves(files: Sequence[Path]) -> Arrays:
    (path,) = files
    return {
        name: np.ascontiguousarray(read_matrix(path, key), dtype=np.float32)
        for name, key in _CURVES_KEYS.items()
    }
