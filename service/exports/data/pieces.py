"""Files that are handed on while they are written, so that memory holds a piece of them."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol, TypeVar
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

PIECE = 1 << 18
"""Bytes after which a further piece is handed on."""
_BEFORE_TIME = (1980, 1, 1, 0, 0, 0)
"""What zips say of every file: the same data give the same bytes."""
_FAST = 3

T = TypeVar("T")


class Out(Protocol):
    """Where a form writes its bytes."""

    def write(self, content: bytes, /) -> int:
        """Take them."""
        ...

    def flush(self) -> None:
        """Hold nothing back."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


Steps = Iterator[None]
"""A file being written: after each step what there is may be handed on."""
Write = Callable[[Out], Steps]


class _Sink:
    """Keeps what was written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, content: bytes) -> int:
        """Keep it."""
        part = bytes(content)
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def flush(self) -> None:
        """There is nothing beneath."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def take(self) -> bytes:
        """All that was written since the last time."""
        whole = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return whole


def pieces(write: Write) -> Iterator[bytes]:
    """What is written, in pieces; the next is not begun before one was taken.

    The first comes as soon as there is any, so that a reader sees that something comes.
    """
    sink = _Sink()
    enough = 1
    for _ in write(sink):
        if sink.size >= enough:
            yield sink.take()
            enough = PIECE
    yield sink.take()


def zipped(files: Iterable[tuple[str, Write]], out: Out, *, packed: bool) -> Steps:
    """A zip of files, each written to its end before the next is begun."""
    with ZipFile(out, "w") as archive:
        for name, write in files:
            entry = ZipInfo(name, _BEFORE_TIME)
            entry.compress_type = ZIP_DEFLATED if packed else ZIP_STORED
            entry._compresslevel = _FAST  # type: ignore[attr-defined]
            with archive.open(entry, "w", force_zip64=True) as file:
                yield from write(file)
            yield
    yield


def some(entries: Iterator[T], most: int) -> Iterator[list[T]]:
    """The entries in lists of so many."""
    while part := list(islice(entries, most)):
        yield part
