"""Turned and scaled patches of the Olivetti pictures, in the place of FACES.

From each of the 400 pictures 414 patches of 25 × 25: turned by −90 to 90 degrees, 1.4 to 1.8 pixels
of the picture to one of the patch, after a [1 2 1] / 4 blur on both axes. Each patch has zero mean;
one number scales all of them, so that the training patches' pixels have unit variance on average.
Each 25th patch is kept a second time, for the smaller problem.
"""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing
from workers.data.matlab import read_matrix
from workers.data.source import Source

Floats = npt.NDArray[np.float32]

SEED = 7
SIDE = 64
"""Rows and columns of an Olivetti picture."""
PATCH_SIDE = 25
PICTURES_OF_A_PERSON = 10
TRAINING_PEOPLE, TEST_PEOPLE = range(25), range(30, 40)
"""People 1 to 25 and 31 to 40, counted from 0."""
THINNED = 25
"""Of so many patches one is among the thinned ones, which hold every person and picture."""
_KEY = "faces"
_PIXELS_SHA256 = "b119468c2f13775df12d3950e7c96644811647a6e10d30617777f245bf9b2f8b"
"""Of the 400 pictures' pixels, picture by picture and each column by column, as in the file."""


def faces_like(
    source: Source, *, patches: int = 414, pixels_sha256: str | None = _PIXELS_SHA256
) -> DataSet:
    """The patches' data set.

    Args:
        source: The file of the Olivetti pictures.
        patches: How many from each picture.
        pixels_sha256: Of the pictures' pixels; None takes any.
    """

    def read(files: Sequence[Path]) -> Arrays:
        (path,) = files
        return with_thinned(make_patches(read_pictures(path, pixels_sha256), patches))

    def rows(people: range) -> int:
        return len(people) * PICTURES_OF_A_PERSON * patches

    def layout(rows: int) -> Layout:
        return Layout("float32", (rows, PATCH_SIDE**2))

    train, test = rows(TRAINING_PEOPLE), rows(TEST_PEOPLE)
    return DataSet(
        name="faces-like",
        title="turned and scaled patches of the Olivetti pictures, like FACES",
        version=2,
        sources=(source,),
        made=True,
        read=read,
        layout={
            "train": layout(train),
            "test": layout(test),
            "thinned_train": layout(math.ceil(train / THINNED)),
            "thinned_test": layout(math.ceil(test / THINNED)),
        },
    )


def read_pictures(path: Path, pixels_sha256: str | None) -> npt.NDArray[np.uint8]:
    """The 400 pictures, those of one person together, shape (400, 64, 64).

    Raises:
        DataMissing: Where the file holds something else.
    """
    matrix: npt.NDArray[Any] = read_matrix(path, _KEY)
    if matrix.shape != (SIDE**2, 400) or matrix.dtype != np.uint8:
        raise DataMissing(
            f"{path}: {_KEY} should be uint8 (4096, 400), found {matrix.dtype} {matrix.shape}"
        )
    columns = np.ascontiguousarray(matrix.T)
    found = hashlib.sha256(columns.tobytes()).hexdigest()
    if pixels_sha256 is not None and found != pixels_sha256:
        raise DataMissing(f"{path}: these are not the Olivetti pictures (pixels' SHA-256 {found})")
    return columns.reshape(400, SIDE, SIDE).transpose(0, 2, 1)


def make_patches(pictures: npt.NDArray[np.uint8], patches: int) -> Arrays:
    """The training and test patches of the 400 pictures, people × 10 × patches rows of 625 each."""
    draws = np.random.default_rng(SEED).random((len(pictures), patches, 2)).astype(np.float32)
    angles = np.float32(np.pi) * (draws[..., 0] - np.float32(0.5))
    spacings = np.float32(1.4) + np.float32(0.4) * draws[..., 1]
    blurred = blur(pictures)

    def of(people: range) -> Floats:
        first, last = (edge * PICTURES_OF_A_PERSON for edge in (people.start, people.stop))
        cut = np.empty((last - first, patches, PATCH_SIDE**2), dtype=np.float32)
        for row, at in zip(cut, range(first, last), strict=True):
            row[:] = cut_patches(blurred[at], angles[at], spacings[at])
        return cut.reshape(-1, PATCH_SIDE**2)

    train, test = of(TRAINING_PEOPLE), of(TEST_PEOPLE)
    scale = np.float32(1 / np.sqrt(mean_variance(train)))
    train *= scale
    test *= scale
    return {"train": train, "test": test}


def with_thinned(patches: Arrays) -> Arrays:
    """The patches, and some of them in files of their own, which are mapped at once."""
    thinned = {f"thinned_{part}": rows[::THINNED] for part, rows in patches.items()}
    return {**patches, **thinned}


def blur(pictures: npt.NDArray[np.uint8]) -> Floats:
    """The pictures after [1 2 1] / 4 on both axes, their edges repeated outwards."""
    padded: Floats = np.pad(pictures.astype(np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred: Floats = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16
    return blurred


def cut_patches(picture: Floats, angles: Floats, spacings: Floats) -> Floats:
    """Patches around the picture's middle, each of zero mean; bilinear between the pixels.

    At 1.8 and any angle a patch just fits: its corners are 12 × 1.8 × √2 = 30.5 pixels from the
    middle, the picture's edges 31.5.

    Args:
        picture: Shape (64, 64).
        angles: Of each patch against the picture, in radians, shape (patches,).
        spacings: Pixels of the picture to one of the patch, shape (patches,).

    Returns:
        Shape (patches, 625).
    """
    steps = np.arange(PATCH_SIDE, dtype=np.float32) - np.float32((PATCH_SIDE - 1) / 2)
    down, right = np.repeat(steps, PATCH_SIDE), np.tile(steps, PATCH_SIDE)
    cosines, sines = (spacings * np.cos(angles))[:, None], (spacings * np.sin(angles))[:, None]
    middle = np.float32((SIDE - 1) / 2)
    values = _between(
        picture,
        rows=middle + cosines * down + sines * right,
        columns=middle - sines * down + cosines * right,
    )
    values -= values.mean(axis=1, keepdims=True)
    return values


def _between(picture: Floats, *, rows: Floats, columns: Floats) -> Floats:
    """The picture's values at places inside of it, bilinear between the four pixels around."""
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    low, far = rows - top.astype(np.float32), columns - left.astype(np.float32)
    flat, corner = picture.ravel(), top * SIDE + left
    upper = flat[corner] * (1 - far) + flat[corner + 1] * far
    lower = flat[corner + SIDE] * (1 - far) + flat[corner + SIDE + 1] * far
    values: Floats = upper * (1 - low) + lower * low
    return values


def mean_variance(rows: Floats) -> float:
    """The mean over the columns of a column's variance, summed in float64 a part at a time."""
    parts = np.array_split(rows, max(1, len(rows) // 4096))
    sums = sum(part.sum(axis=0, dtype=np.float64) for part in parts)
    squares = sum(float(np.square(part, dtype=np.float64).sum()) for part in parts)
    means = sums / len(rows)
    return squares / rows.size - float(np.square(means).mean())
