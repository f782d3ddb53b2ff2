"""Lines wait in their order, on the disk or, where it is full, in memory; nothing is lost."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.spool import Spool


class Disk:
    """Writes as ``os.pwrite`` does, until it is full: then it takes a part, and refuses."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room

    def write(self, file: int, content: bytes, offset: int) -> int:
        room = self.room - offset
        if room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os.pwrite(file, content[: min(room, 7)], offset)


def line(number: int) -> bytes:
    return b"%d\n" % number


def take(spool: Spool, most: int) -> list[bytes]:
    lines = spool.first(most)
    spool.drop(lines)
    return lines


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 5)),
        st.tuples(st.just("take"), st.integers(1, 5)),
        st.tuples(st.just("room"), st.sampled_from([0, 3, 20, 1 << 20])),
    ),
    max_size=30,
)


@given(steps=STEPS)
def test_lines_come_out_as_they_went_in_whatever_the_disk_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    disk = Disk()
    spool = Spool(tmp_path_factory.mktemp("spool") / "s", write=disk.write)
    put = taken = 0
    for what, count in steps:
        match what:
            case "put":
                spool.put([line(number) for number in range(put, put + count)])
                put += count
            case "take":
                lines = spool.first(count)
                disk.room = disk.room ^ 16  # the disk changes while they are on their way
                spool.put([])
                spool.drop(lines)
                assert lines == [line(number) for number in range(taken, taken + len(lines))]
                taken += len(lines)
            case _:
                disk.room = count
        assert len(spool) == put - taken
    disk.room = 1 << 20
    rest: list[bytes] = []
    while lines := take(spool, 3):
        rest += lines
    assert rest == [line(number) for number in range(taken, put)]
    spool.close(remove=True)


def test_lines_lie_in_the_file_and_a_file_that_was_read_is_empty(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    spool.put([line(1), line(2), line(3)])
    assert (tmp_path / "s").read_bytes() == b"1\n2\n3\n"
    assert take(spool, 2) == [line(1), line(2)]
    assert take(spool, 2) == [line(3)]
    assert (tmp_path / "s").stat().st_size == 0
    spool.close(remove=True)
    assert not (tmp_path / "s").exists()


def test_a_spool_is_full_by_bytes_on_the_disk_or_lines_in_memory(tmp_path: Path) -> None:
    disk = Disk()
    spool = Spool(tmp_path / "s", write=disk.write, file_bytes=6, held_lines=2)
    spool.put([line(1), line(2)])
    assert not spool.is_full
    spool.put([line(3)])
    assert spool.is_full
    take(spool, 3)
    disk.room = 0
    spool.put([line(4)])
    assert not spool.is_full
    spool.put([line(5)])
    assert spool.is_full
    disk.room = 100
    assert take(spool, 9) == [line(4), line(5)]
    assert not spool.is_full


def test_trouble_is_told_once_and_its_end_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(room=0)
    spool = Spool(tmp_path / "s", write=disk.write)
    for number in range(3):
        spool.put([line(number)])
    disk.room = 1 << 20
    spool.put([line(3)])
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert "No space left on device" in told[0]
    assert told[1].endswith("can be written again")


def test_a_line_longer_than_a_read_is_whole(tmp_path: Path) -> None:
    long = b"x" * (3 << 20) + b"\n"
    spool = Spool(tmp_path / "s")
    spool.put([long, line(1)])
    assert take(spool, 1) == [long]
    assert take(spool, 1) == [line(1)]


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    Spool(path)
    assert path.stat().st_mode & 0o777 == 0o600
