"""Small files in the formats of the published data sets, filled with noise."""

import gzip
import io
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from workers.data.cifar10 import TEST_BATCH, TRAINING_BATCHES, cifar10
from workers.data.dataset import DataSet
from workers.data.idx import FILES, digits_like
from workers.data.source import Source

Bytes = npt.NDArray[np.uint8]


def noise(*shape: int, most: int = 255, seed: int = 0) -> Bytes:
    """Whole numbers from 0 to ``most``."""
    return np.random.default_rng(seed).integers(0, most + 1, shape, dtype=np.uint8)


def idx(array: Bytes) -> bytes:
    """A gzipped IDX file of these bytes."""
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(header + array.tobytes(), compresslevel=1)


def write_digits(
    folder: Path, name: str = "mnist", *, train: int = 6, test: int = 2, side: int = 4
) -> DataSet:
    """A small data set like MNIST in a data directory."""
    arrays = {
        "train_pictures": noise(train, side, side),
        "train_labels": noise(train, most=9),
        "test_pictures": noise(test, side, side, seed=1),
        "test_labels": noise(test, most=9, seed=1),
    }
    sources = tuple(Source(path=f"{name}/{file}", mirrors=("",)) for file in FILES.values())
    (folder / name).mkdir(parents=True, exist_ok=True)
    for source, array in zip(sources, arrays.values(), strict=True):
        source.within(folder).write_bytes(idx(array))
    return digits_like(name, "small", sources, train=train, test=test, side=side)


class PickledByPython2(pickle._Pickler):  # type: ignore[name-defined]
    """Writes bytes as Python 2 wrote its strings, as the published batches have them."""

    def save_bytes(self, value: bytes) -> None:
        self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
        self.memoize(value)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, bytes: save_bytes}  # type: ignore[attr-defined]


def cifar_batch(pictures: Bytes, labels: Bytes) -> bytes:
    """A pickled batch."""
    buffer = io.BytesIO()
    batch = {b"data": pictures.reshape(len(labels), -1), b"labels": labels.tolist()}
    PickledByPython2(buffer, protocol=2).dump(batch)
    return buffer.getvalue().replace(b"numpy._core", b"numpy.core")


def tar(members: Mapping[str, bytes]) -> bytes:
    """A gzipped archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_cifar(folder: Path, *, batch: int = 2, test: int = 3) -> DataSet:
    """A small CIFAR-10 in a data directory: five batches and a test batch."""
    source = Source(path="cifar10/cifar-10-python.tar.gz", mirrors=("",))
    members = {
        name: cifar_batch(noise(batch, 3, 32, 32, seed=at), noise(batch, most=9, seed=at))
        for at, name in enumerate(TRAINING_BATCHES)
    }
    members[TEST_BATCH] = cifar_batch(noise(test, 3, 32, 32, seed=9), noise(test, most=9, seed=9))
    path = source.within(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar(members))
    return cifar10(source, train=5 * batch, test=test)


def write_matrices(path: Path, matrices: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """A MATLAB file."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, dict(matrices))
