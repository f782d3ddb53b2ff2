"""The published formats: read exactly, and whatever else lies there is refused by its name."""

import gzip
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.data_files import (
    PickledByPython2,
    cifar_batch,
    idx,
    noise,
    tar,
    write_cifar,
    write_digits,
    write_matrices,
)
from workers.data import DataMissing
from workers.data.cifar10 import TEST_BATCH, TRAINING_BATCHES
from workers.data.dataset import DataSet
from workers.data.idx import read_idx
from workers.data.matlab import curves, faces, read_matrix
from workers.data.source import Source

FACES = Source(path="faces/newfaces_rot_single.mat", mirrors=("",))
CURVES = Source(path="curves/digs3pts_1.mat", mirrors=("",))


def load(dataset: DataSet, folder: Path) -> dict[str, np.ndarray]:
    return dict(dataset.load(dataset.files(folder)))


@pytest.mark.parametrize("shape", [(5,), (3, 4, 4), (0, 4, 4)])
def test_an_idx_file_gives_the_bytes_that_were_written(tmp_path: Path, shape) -> None:
    array = noise(*shape)
    path = tmp_path / "a.gz"
    path.write_bytes(idx(array))
    assert np.array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not gzip", "cannot be read"),
        (idx(noise(100))[:-20], "cannot be read"),
        (
            gzip.compress(b"\0\0\x0d\1" + bytes(8)),
            "not an IDX file of bytes: it begins with 00000d",
        ),
        (gzip.compress(b"\0\0"), "not an IDX file"),
        (gzip.compress(b"\0\0\x08\3" + bytes(6)), "but has 10 bytes"),
        (gzip.compress(b"\0\0\x08\1" + (5).to_bytes(4, "big") + b"1234"), "but has 12 bytes"),
    ],
    ids=["no gzip", "cut off", "floats", "too short", "no sizes", "a byte missing"],
)
def test_what_is_no_idx_file_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(content)
    with pytest.raises(DataMissing, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_digits_of_another_shape_are_refused(tmp_path: Path) -> None:
    dataset = write_digits(tmp_path, train=6)
    dataset.sources[0].within(tmp_path).write_bytes(idx(noise(7, 4, 4)))
    with pytest.raises(DataMissing, match=r"should be uint8 \(6, 4, 4\), found uint8 \(7, 4, 4\)"):
        load(dataset, tmp_path)


def test_cifars_batches_are_joined_in_their_order(tmp_path: Path) -> None:
    found = load(write_cifar(tmp_path, batch=2, test=3), tmp_path)
    assert np.array_equal(found["train_pictures"][4:6], noise(2, 3, 32, 32, seed=2))
    assert np.array_equal(found["train_labels"][4:6], noise(2, most=9, seed=2))
    assert np.array_equal(found["test_pictures"], noise(3, 3, 32, 32, seed=9))


def test_a_pickle_that_would_call_something_is_refused_and_does_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Evil:
        def __reduce__(self):
            return print, ("it ran",)

    dataset = write_cifar(tmp_path)
    good = cifar_batch(noise(2, 3, 32, 32), noise(2, most=9))
    members = dict.fromkeys((*TRAINING_BATCHES, TEST_BATCH), good)
    buffer = io.BytesIO()
    PickledByPython2(buffer, protocol=2).dump({b"data": Evil()})
    members[TRAINING_BATCHES[0]] = buffer.getvalue()
    dataset.files(tmp_path)[0].write_bytes(tar(members))
    with pytest.raises(DataMissing, match=r"it wants to call __builtin__\.print"):
        load(dataset, tmp_path)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    "content", [b"not an archive", tar({"other": b""})], ids=["no archive", "another archive"]
)
def test_what_is_not_cifars_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    dataset = write_cifar(tmp_path)
    dataset.files(tmp_path)[0].write_bytes(content)
    with pytest.raises(DataMissing, match="is not CIFAR-10's archive"):
        load(dataset, tmp_path)


def test_cifar_of_another_size_is_refused(tmp_path: Path) -> None:
    dataset = write_cifar(tmp_path, batch=2)
    wrong = replace(dataset, layout=dict(write_cifar(tmp_path / "other", batch=3).layout))
    with pytest.raises(DataMissing, match="train_pictures should be"):
        load(wrong, tmp_path)


def test_faces_are_the_first_and_the_last_columns(tmp_path: Path) -> None:
    columns = np.random.default_rng(0).random((625, 10), dtype=np.float32)
    write_matrices(FACES.within(tmp_path), {"newfaces_single": columns})
    found = load(faces(FACES, train=5, test=3, rows=10), tmp_path)
    assert np.array_equal(found["train"], columns[:, :5].T)
    assert np.array_equal(found["test"], columns[:, 7:].T)


@pytest.mark.parametrize("shape", [(625, 9), (10, 625), (624, 10)])
def test_faces_of_another_shape_are_refused(tmp_path: Path, shape) -> None:
    write_matrices(FACES.within(tmp_path), {"newfaces_single": np.zeros(shape, np.float32)})
    with pytest.raises(DataMissing, match="should"):
        load(faces(FACES, train=5, test=3, rows=10), tmp_path)


def test_curves_are_the_rows_as_float32(tmp_path: Path) -> None:
    rows = {"bdata": np.random.default_rng(0).random((4, 784)), "bdatatest": np.ones((2, 784))}
    write_matrices(CURVES.within(tmp_path), rows)
    found = load(curves(CURVES, train=4, test=2), tmp_path)
    assert np.array_equal(found["train"], rows["bdata"].astype(np.float32))
    with pytest.raises(DataMissing, match=r"train should be float32 \(5, 784\)"):
        load(curves(CURVES, train=5, test=2), tmp_path)


def test_a_matlab_file_without_the_key_is_refused(tmp_path: Path) -> None:
    write_matrices(tmp_path / "a.mat", {"other": np.zeros(3)})
    with pytest.raises(DataMissing, match="has no matrix 'bdata'"):
        read_matrix(tmp_path / "a.mat", "bdata")


@pytest.mark.parametrize("content", [b"", b"<html>sign in first</html>", b"MATLAB 5.0" * 100])
def test_what_is_no_matlab_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DataMissing, match=r"a\.mat is not a MATLAB file"):
        read_matrix(tmp_path / "a.mat", "bdata")


def test_a_damaged_matlab_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    write_matrices(path, {"bdata": np.random.default_rng(0).random((50, 784))})
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(DataMissing, match="is not a MATLAB file"):
        read_matrix(path, "bdata")
