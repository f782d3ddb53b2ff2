"""Drawn curves, in the place of CURVES.

Each picture shows one quadratic Bézier curve through three control points, each uniform in
[4.3, 23.7]² pixels; a pixel's intensity is exp(−d² / 2σ²), σ = 1.3, d the distance of its middle to
the curve. The smallest binary cross-entropy that any model can reach on them is the pictures' own
entropy, 57.3 nats a picture.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout

Floats = npt.NDArray[np.float32]

SEED = 7
SIDE = 28
SIGMA = 1.3
MARGIN = 4.3
SEGMENTS = 24
"""Straight pieces of a drawn curve; they are nowhere more than 0.02 pixels away from it."""
_AT_ONCE = 256
"""Pictures drawn together: their distances stay in the processor's cache."""


def curves_like(*, train: int = 20_000, test: int = 10_000) -> DataSet:
    """The drawn curves' data set.

    Args:
        train: Training pictures.
        test: Test pictures.
    """

    def read(_files: Sequence[Path]) -> Arrays:
        points = control_points(train + test)
        pictures = np.concatenate(
            [draw(points[at : at + _AT_ONCE]) for at in range(0, len(points), _AT_ONCE)]
        )
        return {"train": pictures[:train], "test": pictures[train:]}

    return DataSet(
        name="curves-like",
        title="drawn curves, like CURVES",
        version=1,
        made=True,
        read=read,
        layout={
            "train": Layout("float32", (train, SIDE**2)),
            "test": Layout("float32", (test, SIDE**2)),
        },
    )


def control_points(count: int) -> Floats:
    """Three points for each of so many curves, shape (count, 3, 2); more begin with the same."""
    drawn = np.random.default_rng(SEED).random((count, 3, 2))
    return (MARGIN + (SIDE - 2 * MARGIN) * drawn).astype(np.float32)


def draw(points: Floats) -> Floats:
    """Pictures of the curves with these control points.

    Args:
        points: Shape (curves, 3, 2), in pixels from the upper left corner.

    Returns:
        Shape (curves, 784), in [0, 1].
    """
    corners = _along(points)
    nearest = np.full((len(points), SIDE, SIDE), np.inf, dtype=np.float32)
    for begin, end in pairwise(corners):
        np.minimum(nearest, _squared_distances(begin, end), out=nearest)
    pictures: Floats = np.exp(nearest / np.float32(-2 * SIGMA**2))
    return pictures.reshape(len(points), -1)


def _along(points: Floats) -> Floats:
    """Where the pieces of the curves meet, shape (pieces + 1, curves, 2).

    B(t) = (1 − t)² P₀ + 2 t (1 − t) P₁ + t² P₂.
    """
    t = np.linspace(0, 1, SEGMENTS + 1, dtype=np.float32)
    weights = np.stack([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    corners: Floats = np.einsum("tp,cpx->tcx", weights, points)
    return corners


def _squared_distances(begin: Floats, end: Floats) -> Floats:
    """From the middle of each pixel to the straight piece of each curve, shape (curves, 28, 28)."""
    middles = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    piece = end - begin
    down, right = middles - begin[:, :1], middles - begin[:, 1:]  # (curves, 28) each
    length = np.maximum((piece**2).sum(axis=1, keepdims=True), np.float32(1e-12))
    along = (down * (piece[:, :1] / length))[:, :, None] + (right * (piece[:, 1:] / length))[
        :, None
    ]
    np.clip(along, 0, 1, out=along)  # the nearest place on the piece, from its begin to its end
    gap_down = down[:, :, None] - along * piece[:, 0, None, None]
    gap_right = right[:, None, :] - along * piece[:, 1, None, None]
    squared: Floats = gap_down**2 + gap_right**2
    return squared
