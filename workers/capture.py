"""What a process prints, C libraries included, goes to a file whose size is bounded."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from service.contracts.logs import DRIVER_BYTES, TRIAL_BYTES

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.1
TAIL_BYTES = 4096
"""Of what is dropped, so much of the end is kept: it is where failures are told."""
ECHOED_BYTES = 64 << 10
"""Of a driver's output, so much of the end is printed again when it ends."""
LOG, END = ".log", ".end"
"""Suffixes: the beginning of an output, and the end of one that was too long."""


def of_rank(path: Path, rank: int) -> Path:
    """The file of a trial's rank, without its suffix: the first one's is the trial's own."""
    return path.with_name(f"{path.name}.{rank}") if rank else path


class Capture:
    """Sends this process's stdout and stderr to a file until :meth:`close`.

    The descriptors themselves point to the file, so that nothing has to keep up with what is
    printed and a killed process has told all. A file that outgrows its bound is cut back to it
    again and again; what was cut is counted, and its end is left in a second file. Where the
    file cannot be written, what is printed goes where it went before.

    Args:
        path: The file, without its suffix; a restarted trial's words in it are kept.
        bound: Bytes that it may have.
    """

    def __init__(self, path: Path, *, bound: int = TRIAL_BYTES) -> None:
        self.path = path
        self._end, self._bound = path.with_name(path.name + END), bound
        self._dropped, self._tail = 0, b""
        self._closing = threading.Event()
        self._before: tuple[int, int] | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._end.unlink(missing_ok=True)
            self._file = os.open(
                path.with_name(path.name + LOG), os.O_RDWR | os.O_CREAT | os.O_APPEND, mode=0o600
            )
        except OSError as error:
            logger.warning("the output is not kept: %s", error)
            return
        self._before = (os.dup(1), os.dup(2))
        self._point_to(self._file, self._file)
        self._watcher = threading.Thread(target=self._watch, name="capture", daemon=True)
        self._watcher.start()

    def __enter__(self) -> Self:
        """The capture itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Print where it was printed before; a second call does nothing."""
        if self._before is None:
            return
        self._point_to(*self._before)
        for descriptor in self._before:
            os.close(descriptor)
        self._before = None
        self._closing.set()
        self._watcher.join()
        with suppress(OSError):  # a full disk must not end the trial whose words these were
            self._cut()
            if self._dropped:
                self._end.write_bytes(
                    f"\n[at least {self._dropped:,} bytes dropped]\n".encode() + self._tail
                )
        os.close(self._file)

    def _point_to(self, out: int, err: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)

    def _watch(self) -> None:
        while not self._closing.wait(POLL_SECONDS):
            with suppress(OSError):
                self._cut()

    def _cut(self) -> None:
        """Cut the file back to its bound; what is printed just then is not counted."""
        size = os.fstat(self._file).st_size
        if size <= self._bound:
            return
        begin = max(size - TAIL_BYTES, self._bound)
        self._tail = (self._tail + os.pread(self._file, size - begin, begin))[-TAIL_BYTES:]
        size = os.fstat(self._file).st_size
        os.ftruncate(self._file, self._bound)
        self._dropped += size - self._bound


@contextmanager
def driver_output(path: Path) -> Iterator[None]:
    """Capture what a driver prints; Ray's own log of the job gets the end of it, too."""
    capture = Capture(path, bound=DRIVER_BYTES)
    try:
        yield
    finally:
        capture.close()
        with suppress(OSError):
            os.write(2, path.with_name(path.name + LOG).read_bytes()[-ECHOED_BYTES:])
