"""Patches of faces: the laws that they are made by."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tests.support.data_files import noise, write_matrices
from workers.data import DataMissing
from workers.data.faces_like import (
    blur,
    cut_patches,
    faces_like,
    make_patches,
    mean_variance,
    read_pictures,
    with_thinned,
)
from workers.data.source import Source

SOURCE = Source(path="faces/olivettifaces.mat", mirrors=("",))
PICTURE = noise(64, 64).astype(np.float32)


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return noise(400, 64, 64)


def cut(picture: np.ndarray, *, degrees: float, spacing: float) -> np.ndarray:
    angles = np.array([np.deg2rad(degrees)], dtype=np.float32)
    return cut_patches(picture, angles, np.array([spacing], dtype=np.float32)).reshape(25, 25)


def centred(patch: np.ndarray) -> np.ndarray:
    return patch - patch.mean()


def test_an_unturned_patch_averages_the_four_pixels_around_each_place() -> None:
    """The picture's middle is between its pixels, at 31.5."""
    around = PICTURE[19:45, 19:45]
    average = (around[:-1, :-1] + around[1:, :-1] + around[:-1, 1:] + around[1:, 1:]) / 4
    assert np.allclose(cut(PICTURE, degrees=0, spacing=1), centred(average), atol=1e-3)


def test_a_quarter_turn_of_the_patch_is_that_of_the_picture() -> None:
    turned = cut(PICTURE, degrees=90, spacing=1.6)
    assert np.allclose(turned, np.rot90(cut(PICTURE, degrees=0, spacing=1.6)), atol=1e-2)


def test_a_slope_is_kept_at_every_angle_and_spacing() -> None:
    """Bilinear values of a plane are the plane: steps along a patch are spacing × cosine."""
    plane = np.repeat(np.arange(64, dtype=np.float32)[:, None], 64, axis=1)
    patch = cut(plane, degrees=30, spacing=1.8)
    assert np.allclose(np.diff(patch, axis=0), 1.8 * np.cos(np.pi / 6), atol=1e-4)
    assert np.allclose(np.diff(patch, axis=1), 1.8 * np.sin(np.pi / 6), atol=1e-4)


def test_blurring_keeps_planes_and_spreads_a_point_over_three_pixels() -> None:
    point = np.zeros((1, 64, 64), dtype=np.uint8)
    point[0, 10, 20] = 160
    weights = np.outer([1, 2, 1], [1, 2, 1])
    assert np.array_equal(blur(point)[0, 9:12, 19:22], 10.0 * weights)
    assert np.all(blur(np.full((1, 64, 64), 7, dtype=np.uint8)) == 7)


def test_patches_have_zero_mean_and_training_pixels_unit_variance_on_average(pictures) -> None:
    found = make_patches(pictures, 3)
    assert found["train"].shape == (25 * 10 * 3, 625)
    assert found["test"].shape == (10 * 10 * 3, 625)
    assert abs(found["train"].mean(axis=1)).max() < 1e-5
    assert found["train"].var(axis=0).mean() == pytest.approx(1, rel=1e-4)


def test_they_are_the_same_each_time_and_people_are_kept_apart(pictures) -> None:
    found = make_patches(pictures, 2)
    other = pictures.copy()
    other[:250] = 255 - other[:250]  # people 1 to 25
    changed = make_patches(other, 2)
    assert np.array_equal(found["train"], make_patches(pictures, 2)["train"])
    assert not np.array_equal(found["train"], changed["train"])
    assert np.allclose(found["test"], changed["test"], rtol=1e-4, atol=1e-5)
    other = pictures.copy()
    other[250:300] = 0  # people 26 to 30 are in neither
    assert np.array_equal(found["test"], make_patches(other, 2)["test"])


def test_each_25th_patch_is_kept_a_second_time_from_every_picture(pictures) -> None:
    found = with_thinned(make_patches(pictures, 50))
    assert np.array_equal(found["thinned_train"], found["train"][::25])
    assert found["thinned_test"].shape == (10 * 10 * 2, 625)


def test_the_mean_variance_is_that_of_numpy() -> None:
    rows = np.random.default_rng(0).normal(3, 2, (9000, 5)).astype(np.float32)
    assert mean_variance(rows) == pytest.approx(rows.var(axis=0, dtype=np.float64).mean())


def test_pictures_are_stored_column_by_column_and_known_by_their_pixels(tmp_path: Path) -> None:
    matrix = noise(4096, 400)
    path = tmp_path / "a.mat"
    write_matrices(path, {"faces": matrix})
    digits = hashlib.sha256(np.ascontiguousarray(matrix.T).tobytes()).hexdigest()
    found = read_pictures(path, digits)
    assert found[7, 3, 5] == matrix[5 * 64 + 3, 7]
    with pytest.raises(DataMissing, match="not the Olivetti pictures"):
        read_pictures(path, "0" * 64)


def test_pictures_of_another_shape_are_refused(tmp_path: Path) -> None:
    write_matrices(SOURCE.within(tmp_path), {"faces": noise(4096, 399)})
    dataset = faces_like(SOURCE, patches=1, pixels_sha256=None)
    with pytest.raises(DataMissing, match=r"found uint8 \(4096, 399\)"):
        dataset.load(dataset.files(tmp_path))
