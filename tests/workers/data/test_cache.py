"""Prepared arrays: written once and whole, mapped read-only, made anew where the files changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from workers.data import DataMissing
from workers.data.cache import Cache
from workers.data.source import Checksum

ARRAYS = {"train": np.arange(6, dtype=np.float32).reshape(2, 3), "labels": np.array([1, 2], "u1")}


def test_arrays_are_mapped_as_they_were_made_and_cannot_be_written(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.open("key", ARRAYS) is None
    cache.prepare("key", lambda: ARRAYS)
    found = cache.open("key", ARRAYS)
    assert found is not None
    for name, array in ARRAYS.items():
        assert isinstance(found[name], np.memmap)
        assert np.array_equal(found[name], array)
        with pytest.raises(ValueError, match="read-only"):
            found[name][0] = 0


def test_of_processes_at_once_one_makes_the_arrays(tmp_path: Path) -> None:
    cache, made, together = Cache(tmp_path), [], threading.Barrier(4)

    def make() -> dict[str, np.ndarray]:
        made.append(1)
        return ARRAYS

    def prepare() -> None:
        together.wait()
        cache.prepare("key", make)

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(prepare) for _ in range(4)]:
            one.result()
    assert made == [1]
    assert {path.name for path in tmp_path.iterdir()} == {"key"}


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    class Odd:
        nbytes = 1

        def __array__(self, *_: object) -> np.ndarray:
            raise OSError("the disk went away")

    with pytest.raises(DataMissing, match=rf"{tmp_path} \(KBFGS_DATA_CACHE\): the disk went"):
        Cache(tmp_path).prepare("key", lambda: {**ARRAYS, "z": Odd()})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "key.new").mkdir()
    (tmp_path / "key.new" / "train.npy").write_bytes(b"half")
    (tmp_path / "key.lock").touch()
    cache = Cache(tmp_path)
    cache.prepare("key", lambda: ARRAYS)
    assert np.array_equal(cache.open("key", ARRAYS)["train"], ARRAYS["train"])
    assert {path.name for path in tmp_path.iterdir()} == {"key"}


def test_arrays_larger_than_the_disk_are_refused(tmp_path: Path) -> None:
    huge = np.broadcast_to(np.float32(0), (10**9, 10**9))
    with pytest.raises(DataMissing, match="4,000,000,000,000 MB are needed"):
        Cache(tmp_path).prepare("key", lambda: {"train": huge})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_array_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    cache = Cache(tmp_path)
    cache.prepare("key", lambda: ARRAYS)
    (tmp_path / "key" / "train.npy").write_bytes(content)
    with pytest.raises(DataMissing, match=f"{tmp_path}/key is damaged .*: remove it"):
        cache.open("key", ARRAYS)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataMissing, match="KBFGS_DATA_CACHE"):
        Cache(tmp_path / "file" / "cache").prepare("key", lambda: ARRAYS)


def test_a_checksum_is_worked_out_again_when_the_file_changes(tmp_path: Path) -> None:
    cache, path = Cache(tmp_path / "cache"), tmp_path / "file"
    for content in (b"one", b"other", b"third"):
        path.write_bytes(content)
        assert cache.checksum(path, algorithm="sha256") == Checksum.of(path)


def test_a_checksum_is_not_worked_out_again_for_every_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = Cache(tmp_path / "cache").checksum(path, algorithm="sha256")
    path.chmod(0)  # whoever reads it now fails, but for root
    monkeypatch.setattr(Checksum, "of", lambda *_, **__: pytest.fail("it was read again"))
    assert Cache(tmp_path / "cache").checksum(path, algorithm="sha256") == first


def test_checksums_of_two_kinds_are_kept_apart(tmp_path: Path) -> None:
    cache, path = Cache(tmp_path / "cache"), tmp_path / "file"
    path.write_bytes(b"one")
    for algorithm in ("sha256", "md5", "sha256"):
        expected = Checksum.of(path, algorithm=algorithm)
        assert cache.checksum(path, algorithm=algorithm) == expected
