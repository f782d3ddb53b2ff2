"""Drawn curves: held against a curve of very many points, and against their known entropy."""

import numpy as np

from workers.data.curves_like import MARGIN, SIDE, SIGMA, control_points, curves_like, draw


def drawn_by_points(points: np.ndarray) -> np.ndarray:
    """The picture of one curve, from its distance to 2,001 points of it."""
    t = np.linspace(0, 1, 2001)[:, None]
    curve = (1 - t) ** 2 * points[0] + 2 * t * (1 - t) * points[1] + t**2 * points[2]
    middles = np.arange(SIDE) + 0.5
    squared = [((middles - curve[:, axis, None]) ** 2) for axis in (0, 1)]
    nearest = (squared[0][:, :, None] + squared[1][:, None, :]).min(axis=0)
    return np.exp(-nearest / (2 * SIGMA**2)).ravel()


def test_a_curve_is_drawn_by_the_distance_to_it() -> None:
    points = control_points(20)
    expected = np.stack([drawn_by_points(one.astype(np.float64)) for one in points])
    assert np.abs(draw(points) - expected).max() < 0.01


def test_a_curve_that_is_one_point_is_a_blot() -> None:
    point = np.full((1, 3, 2), 10.5, dtype=np.float32)
    picture = draw(point).reshape(SIDE, SIDE)
    assert picture[10, 10] == 1
    assert np.isclose(picture[13, 14], np.exp(-25 / (2 * SIGMA**2)), rtol=1e-4)


def test_control_points_keep_their_distance_from_the_edge() -> None:
    points = control_points(2000)
    assert MARGIN <= points.min() < MARGIN + 0.1
    assert SIDE - MARGIN - 0.1 < points.max() <= SIDE - MARGIN


def test_more_curves_begin_with_the_same() -> None:
    few, many = curves_like(train=3, test=2).load([]), curves_like(train=5, test=2).load([])
    assert np.array_equal(many["train"], np.concatenate([few["train"], few["test"]]))


def test_their_entropy_is_about_57_nats_a_picture() -> None:
    pictures = curves_like(train=1500, test=1).load([])["train"].astype(np.float64)
    assert 0 <= pictures.min() < pictures.max() <= 1
    inner = np.clip(pictures, 1e-30, 1 - 1e-15)
    entropy = -(inner * np.log(inner) + (1 - inner) * np.log1p(-inner)).sum(axis=1)
    assert 56 < entropy.mean() < 59
