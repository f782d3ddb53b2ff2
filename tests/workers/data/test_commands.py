"""``python -m workers data``: what it prints, and with which code it ends."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.data_files import write_digits, write_matrices
from workers.__main__ import main
from workers.data import arrays, library


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KBFGS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KBFGS_DATA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KBFGS_OFFLINE", "1")
    return tmp_path / "data"


def test_the_list_has_a_line_for_each_set(folder: Path, capsys) -> None:
    write_digits(folder, "fashion-mnist")
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert set(lines) == {"NAME", *library().sets}
    assert f"present    0.0 MB  {folder}/fashion-mnist" in lines["fashion-mnist"]
    assert f"missing    -       {folder}/mnist" in lines["mnist"]
    assert "made here  -       drawn" in lines["curves-like"]


def test_what_cannot_be_fetched_is_refused_in_words(folder: Path, capsys) -> None:
    assert main(["data", "fetch", "mnist-5k", "cifar10"]) == 2
    told = capsys.readouterr()
    assert told.out == "mnist-5k: nothing to fetch, made here\n"
    assert f"{folder}/cifar10/cifar-10-python.tar.gz" in told.err


def test_an_unknown_set_is_refused(capsys) -> None:
    assert main(["data", "verify", "nothing"]) == 2
    assert "no data set 'nothing'" in capsys.readouterr().err


def test_verifying_finds_a_wrong_checksum(folder: Path, capsys) -> None:
    write_digits(folder)
    assert main(["data", "verify", "mnist"]) == 2
    told = capsys.readouterr().out
    assert told.count("BAD   ") == 5  # four files, and the shape of what is in them
    assert "not sha256 440fcabf" in told


def test_verifying_tells_what_is_good(capsys) -> None:
    arrays("mnist-5k")
    assert main(["data", "verify", "mnist-5k"]) == 0
    told = capsys.readouterr().out
    assert "good  train: uint8 (4000, 784)" in told
    assert "good  what was made ready earlier is the same" in told


def test_verifying_finds_a_damaged_array(tmp_path: Path, capsys) -> None:
    arrays("mnist-5k")
    (path,) = (tmp_path / "cache").glob("mnist-5k-*/train.npy")
    path.write_bytes(path.read_bytes()[:-1] + b"\x07")
    assert main(["data", "verify", "mnist-5k"]) == 2
    assert f"BAD   {path} is damaged: remove its folder" in capsys.readouterr().out


def test_verifying_a_file_of_another_shape_names_what_was_found(folder: Path, capsys) -> None:
    path = folder / "curves" / "digs3pts_1.mat"
    write_matrices(path, {"bdata": np.zeros((3, 784)), "bdatatest": np.zeros((2, 784))})
    assert main(["data", "verify", "curves"]) == 2
    told = capsys.readouterr().out
    assert f"good  {path}: sha256" in told
    assert "(none is published)" in told
    assert "BAD   " in told
    assert "train should be float32 (20000, 784), found float32 (3, 784)" in told


def test_verifying_what_is_missing_says_so(folder: Path, capsys) -> None:
    assert main(["data", "verify", "faces"]) == 2
    assert capsys.readouterr().out == (f"BAD   {folder}/faces/newfaces_rot_single.mat is missing\n")
