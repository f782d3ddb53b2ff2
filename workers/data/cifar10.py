"""CIFAR-10 from the archive of pickles that is its Python version."""

import io
import pickle
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing
from workers.data.source import Source

_FOLDER = "cifar-10-batches-py"
TRAINING_BATCHES = tuple(f"{_FOLDER}/data_batch_{number}" for number in range(1, 6))
TEST_BATCH = f"{_FOLDER}/test_batch"
_CHANNELS, _SIDE = 3, 32


def cifar10(source: Source, *, train: int = 50_000, test: int = 10_000) -> DataSet:
    """The data set of this archive.

    Args:
        source: The archive.
        train: Training pictures.
        test: Test pictures.
    """
    return DataSet(
        name="cifar10",
        title="CIFAR-10: colour pictures of ten kinds of things",
        version=1,
        sources=(source,),
        read=_read,
        layout={
            "train_pictures": Layout("uint8", (train, _CHANNELS, _SIDE, _SIDE)),
            "train_labels": Layout("uint8", (train,)),
            "test_pictures": Layout("uint8", (test, _CHANNELS, _SIDE, _SIDE)),
            "test_labels": Layout("uint8", (test,)),
        },
    )


def _read(files: Sequence[Path]) -> Arrays:
    (path,) = files
    try:
        with tarfile.open(path) as archive:
            train = [_batch(_member(archive, name)) for name in TRAINING_BATCHES]
            test = _batch(_member(archive, TEST_BATCH))
    except Exception as error:  # damaged pickles fail in many ways
        raise DataMissing(f"{path} is not CIFAR-10's archive: {error}") from error
    return {
        "train_pictures": np.concatenate([pictures for pictures, _ in train]),
        "train_labels": np.concatenate([labels for _, labels in train]),
        "test_pictures": test[0],
        "test_labels": test[1],
    }


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is not a file")
    return file.read()


def _batch(content: bytes) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Pictures, shape (rows, 3, 32, 32), and labels, shape (rows,), of a pickled batch."""
    batch = ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    pictures = np.asarray(batch[b"data"], dtype=np.uint8)
    labels = np.asarray(batch[b"labels"], dtype=np.uint8)
    return pictures.reshape(len(labels), _CHANNELS, _SIDE, _SIDE), labels


class ArraysOnly(pickle.Unpickler):
    """Reads pickles of plain values and arrays; whatever else one would call is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """What an array is made with.

        Raises:
            pickle.UnpicklingError: For anything else.
        """
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return np.empty(0).__reduce__()[0]
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return np.dtype
        raise pickle.UnpicklingError(f"it wants to call {module}.{name}")
