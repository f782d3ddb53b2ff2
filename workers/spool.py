"""Events that wait for the service: in a file of bounded size, and in memory on a full disk."""

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

SPOOL_BYTES = 256 << 20
"""So much may wait in the file."""
HELD_LINES = 10_000
"""So many lines may wait in memory, where the disk takes no more."""
_READ_BYTES = 1 << 20

logger = logging.getLogger(__name__)
Write = Callable[[int, bytes, int], int]


class Spool:
    """Lines in their order, put at one end and taken at the other; its owner holds a lock.

    A line goes to the file, so that an outage of the service costs no memory. Where the disk is
    full, lines wait in memory and all that follow wait behind them, until the file can be
    written again. A file all of whose lines were taken is cut back to nothing.

    Args:
        path: The file; it is begun anew.
        write: Writes bytes at an offset, as ``os.pwrite``; may write fewer, or raise OSError.
        file_bytes: What may wait in the file.
        held_lines: What may wait in memory.
    """

    def __init__(
        self,
        path: Path,
        *,
        write: Write = os.pwrite,
        file_bytes: int = SPOOL_BYTES,
        held_lines: int = HELD_LINES,
    ) -> None:
        self._path, self._write = path, write
        self._file_bytes, self._held_lines = file_bytes, held_lines
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode=0o600)
        self._begin = self._end = self._in_file = 0
        self._held: deque[bytes] = deque()
        self._in_trouble = False

    def __len__(self) -> int:
        """How many lines wait."""
        return self._in_file + len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether whoever puts lines should wait; what is put nevertheless is kept."""
        return self._end - self._begin >= self._file_bytes or len(self._held) >= self._held_lines

    def put(self, lines: Sequence[bytes]) -> None:
        """Add lines, each with its end."""
        self._held.extend(lines)
        self._store_held()

    def first(self, most: int) -> list[bytes]:
        """The first lines, which stay until they are dropped."""
        if not self._in_file:
            self._store_held()
        if not self._in_file:
            return list(islice(self._held, most))
        size = _READ_BYTES
        while True:
            piece = os.pread(self._file, min(size, self._end - self._begin), self._begin)
            if b"\n" in piece:
                return piece[: piece.rfind(b"\n") + 1].splitlines(keepends=True)[:most]
            size *= 2

    def drop(self, lines: Sequence[bytes]) -> None:
        """Forget the first lines, which were taken."""
        if not self._in_file:
            for _ in lines:
                self._held.popleft()
            return
        self._begin += sum(map(len, lines))
        self._in_file -= len(lines)
        if not self._in_file:
            os.ftruncate(self._file, 0)
            self._begin = self._end = 0

    def close(self, *, remove: bool) -> None:
        """Let go of the file, and remove it."""
        os.close(self._file)
        if remove:
            self._path.unlink(missing_ok=True)

    def _store_held(self) -> None:
        """Move what is held to the file, as far as the disk takes it."""
        if not self._held:
            return
        content = b"".join(self._held)
        written = 0
        try:
            while written < len(content):
                written += self._write(self._file, content[written:], self._end + written)
        except OSError as error:  # what was written of it is written over by the next try
            self._tell(f"cannot be written ({error}): events wait in memory", trouble=True)
            return
        self._tell("can be written again", trouble=False)
        self._end += len(content)
        self._in_file += len(self._held)
        self._held.clear()

    def _tell(self, what: str, *, trouble: bool) -> None:
        """Say once when trouble begins, and once when it ends."""
        if trouble != self._in_trouble:
            logger.warning("%s %s", self._path, what)
        self._in_trouble = trouble
