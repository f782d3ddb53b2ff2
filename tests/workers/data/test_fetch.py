"""A file is fetched whole and checked, or what is in its place stays as it was."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.file_server import FileServer, file_server
from workers.data.errors import DataMissing
from workers.data.fetch import Fetcher, NotFetched, http_client
from workers.data.source import Source, sha256

CONTENT = bytes(range(256)) * 4096  # 1 MiB
NAME = "set/data.bin"


class Seen:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.waited = threading.Event()
        self.last: tuple[str, int, int | None] | None = None

    def waiting(self, name: str) -> None:
        self.waited.set()

    def progress(self, name: str, done: int, total: int | None) -> None:
        self.last = (name, done, total)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with file_server() as running:
        running.files["data.bin"] = CONTENT
        yield running


def source(*mirrors: str, content: bytes | None = CONTENT) -> Source:
    checksum = sha256(hashlib.sha256(content).hexdigest()) if content is not None else None
    return Source(path=NAME, mirrors=mirrors, checksum=checksum)


def fetch(what: Source, folder: Path, watcher: Seen | None = None, check=lambda path: None) -> None:
    with http_client() as http:
        Fetcher(http, folder, watcher or Seen(), pause=0).fetch(what, check=check)


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / "set").iterdir()}


def leave_part(folder: Path, content: bytes, *, version: str | None = None) -> None:
    (folder / "set").mkdir()
    (folder / f"{NAME}.part").write_bytes(content)
    if version is not None:
        (folder / f"{NAME}.part.version").write_text(version)


def test_a_file_is_fetched_and_nothing_else_is_left(server: FileServer, tmp_path: Path) -> None:
    seen = Seen()
    fetch(source(server.address("data.bin")), tmp_path, seen)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert names(tmp_path) == {"data.bin"}
    assert seen.last == ("data.bin", len(CONTENT), len(CONTENT))


def test_a_file_that_is_there_is_left_alone(server: FileServer, tmp_path: Path) -> None:
    fetch(source(server.address("data.bin")), tmp_path)
    server.asked.clear()
    fetch(source(server.address("data.bin")), tmp_path)
    assert server.asked == []


def test_a_truncated_download_is_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    server.cut_after, server.cuts = 300_000, 2
    fetch(source(server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert len(server.asked) == 3
    assert server.sent == len(CONTENT)  # nothing was sent twice


def test_what_another_process_left_is_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    leave_part(tmp_path, CONTENT[:1000])
    fetch(source(server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.asked == [("/data.bin", "bytes=1000-")]


def test_a_server_without_ranges_sends_it_all_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges, server.cut_after, server.cuts = False, 300_000, 1
    fetch(source(server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.sent == 300_000 + len(CONTENT)


def test_a_download_that_always_breaks_off_is_kept_for_later(
    server: FileServer, tmp_path: Path
) -> None:
    server.ranges, server.cut_after, server.cuts = False, 1000, 100
    with pytest.raises(NotFetched, match="broke off"):
        fetch(source(server.address("data.bin")), tmp_path)
    assert "data.bin" not in names(tmp_path)
    assert (tmp_path / f"{NAME}.part").read_bytes() == CONTENT[:1000]
    assert len(server.asked) < 10


def test_it_goes_on_for_as_long_as_more_of_the_file_comes(
    server: FileServer, tmp_path: Path
) -> None:
    server.cut_after, server.cuts = 40_000, 20
    fetch(source(server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


@pytest.mark.parametrize("cuts", [0, 1000])
def test_a_wrong_checksum_is_refused_with_both(
    server: FileServer, tmp_path: Path, cuts: int
) -> None:
    server.cut_after, server.cuts = 300_000, cuts
    wanted = source(server.address("data.bin"), content=b"something else")
    with pytest.raises(NotFetched) as caught:
        fetch(wanted, tmp_path)
    assert str(wanted.checksum) in str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("length", [1000, len(CONTENT), len(CONTENT) + 1])
def test_a_part_of_another_file_is_given_up(
    server: FileServer, tmp_path: Path, length: int
) -> None:
    leave_part(tmp_path, b"x" * length)
    fetch(source(server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert names(tmp_path) == {"data.bin"}


def test_the_next_mirror_is_asked(server: FileServer, tmp_path: Path) -> None:
    fetch(source(server.address("gone"), server.address("data.bin")), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_every_mirror_is_named_with_its_reason(server: FileServer, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/data.bin"
        with pytest.raises(NotFetched) as caught:
            fetch(source(server.address("gone"), nobody), tmp_path)
    assert f"{server.address('gone')}: it answered 404" in str(caught.value)
    assert f"{nobody}: it cannot be reached" in str(caught.value)
    assert names(tmp_path) == set()


def test_a_file_without_a_checksum_is_read_before_it_is_put_in_place(
    server: FileServer, tmp_path: Path
) -> None:
    def refuse(path: Path) -> None:
        assert path.read_bytes() == CONTENT
        raise DataMissing("another shape")

    with pytest.raises(NotFetched, match="not the file: another shape"):
        fetch(source(server.address("data.bin"), content=None), tmp_path, check=refuse)
    assert names(tmp_path) == set()


def test_its_own_checksum_is_written_down(server: FileServer, tmp_path: Path) -> None:
    wanted = source(server.address("data.bin"), content=None)
    fetch(wanted, tmp_path)
    assert wanted.expected(tmp_path) == sha256(hashlib.sha256(CONTENT).hexdigest())
    assert names(tmp_path) == {"data.bin", "data.bin.sha256"}


@pytest.mark.parametrize("version", ['"another"', None])
def test_without_a_checksum_two_versions_are_never_joined(
    server: FileServer, tmp_path: Path, version: str | None
) -> None:
    leave_part(tmp_path, b"x" * 1000, version=version)
    fetch(source(server.address("data.bin"), content=None), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_without_a_checksum_the_same_version_is_gone_on_with(
    server: FileServer, tmp_path: Path
) -> None:
    server.cut_after, server.cuts = 300_000, 1
    fetch(source(server.address("data.bin"), content=None), tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.sent == len(CONTENT)


def test_of_two_fetches_at_once_one_waits(server: FileServer, tmp_path: Path) -> None:
    server.hold = threading.Event()
    wanted, watchers = source(server.address("data.bin")), (Seen(), Seen())
    with ThreadPoolExecutor(2) as pool:
        fetches = [pool.submit(fetch, wanted, tmp_path, watcher) for watcher in watchers]
        while not any(watcher.waited.wait(0.01) for watcher in watchers):
            assert not any(one.done() for one in fetches)
        server.hold.set()
        for one in fetches:
            one.result()
    assert len(server.asked) == 1
    assert names(tmp_path) == {"data.bin"}


def test_a_file_larger_than_the_disk_is_refused_before_it_comes(
    server: FileServer, tmp_path: Path
) -> None:
    server.length = 10**18
    with pytest.raises(NotFetched, match=r"1,000,000,000,000 MB are needed"):
        fetch(source(server.address("data.bin")), tmp_path)
    assert names(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_named(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(NotFetched, match=f"cannot write to {tmp_path}/set"):
        fetch(source(server.address("data.bin")), tmp_path)
