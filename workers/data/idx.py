"""The gzipped IDX files of MNIST and its relatives."""

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing
from workers.data.source import Source

_UINT8 = 0x08
FILES = {
    "train_pictures": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_pictures": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


def digits_like(
    name: str, title: str, sources: tuple[Source, ...], *, train: int, test: int, side: int
) -> DataSet:
    """A data set of small grey pictures with labels, in four IDX files in the order of ``FILES``.

    Args:
        name: What it is asked for by.
        title: What it is.
        sources: The four files.
        train: Training pictures.
        test: Test pictures.
        side: Rows and columns of a picture.
    """
    return DataSet(
        name=name,
        title=title,
        version=1,
        sources=sources,
        read=_read,
        layout={
            "train_pictures": Layout("uint8", (train, side, side)),
            "train_labels": Layout("uint8", (train,)),
            "test_pictures": Layout("uint8", (test, side, side)),
            "test_labels": Layout("uint8", (test,)),
        },
    )


def _read(files: Sequence[Path]) -> Arrays:
    return {name: read_idx(path) for name, path in zip(FILES, files, strict=True)}


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """The array of a gzipped IDX file of bytes: two zeros, type, dimensions, lengths, values.

    Raises:
        DataMissing: Where it is not such a file.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataMissing(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:3] != bytes((0, 0, _UINT8)):
        raise DataMissing(f"{path} is not an IDX file of bytes: it begins with {content[:4].hex()}")
    begin = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, begin, 4))
    if len(content) != begin + math.prod(shape):
        raise DataMissing(f"{path} says that it has shape {shape}, but has {len(content)} bytes")
    return np.frombuffer(content, dtype=np.uint8, offset=begin).reshape(shape)
