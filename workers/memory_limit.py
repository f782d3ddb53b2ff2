"""Ends a trial's process that takes more memory than it may, and leaves word of it."""

import logging
import os
import resource
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from service.contracts.events import Event, TrialEnded
from service.contracts.numbers import size
from service.contracts.states import FailureKind

OVER = ".memory"
"""Suffix of the file in which a process that took too much leaves word."""
LOOK_SECONDS = 0.05
"""Between two looks; each costs some 20 µs."""
PASSED = "it passed its memory limit"
"""How the word of a fresh process begins: the trial alone took too much."""
LEFT_OVER = "its process still held what earlier trials had left"
"""How it begins in a process that trained others before: the trial needs a fresh one."""
_ON_DEVICE = "torch.OutOfMemoryError"
"""How the message of a device's lack of memory begins, which is no matter of this limit."""
_STATM = Path("/proc/self/statm")
_PAGE = resource.getpagesize()

logger = logging.getLogger(__name__)


class MemoryGuard:
    """Holds this process to a limit until :meth:`close`.

    A thread looks at the resident memory, libraries and the interpreter included, and ends the
    process where it is above the limit: no allocator can be trusted to give back what a trial
    left, and the next trial gets a fresh process. Where others had trained in it before, that is
    no verdict on this trial, and the word says so. A single allocation that alone is above the
    limit is refused by the system before it takes anything; then :meth:`heard` ends the process.
    Without Linux's accounts nothing is held, which is said once in the trial's log.

    Args:
        path: The file of the word, without its suffix.
        limit: Bytes; None holds nothing.
        used: Whether this process trained other trials before.
    """

    def __init__(self, path: Path, limit: int | None, *, used: bool = False) -> None:
        self._verdict = LEFT_OVER if used else PASSED
        self._path, self._limit = path.with_name(path.name + OVER), limit or 0
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None
        if limit is None:
            return
        if not _STATM.exists():
            logger.warning("resources.memory is not enforced: this system has no %s", _STATM)
            return
        self._before = resource.getrlimit(resource.RLIMIT_DATA)
        self._bound_allocations(_data() + limit)
        self._watcher = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._watcher.start()

    def heard(self, events: Sequence[Event]) -> None:
        """Take what the trial says: where it lacked main memory, end the process."""
        last = events[-1] if events else None
        if self._watcher is None or not isinstance(last, TrialEnded):
            return
        on_device = last.message.startswith(_ON_DEVICE)
        if last.failure is FailureKind.OUT_OF_MEMORY and not on_device:
            self._end(f"; it asked for more: {last.message}")

    def close(self) -> None:
        """Hold no more; a second call does nothing."""
        if self._watcher is not None:
            self._closing.set()
            self._watcher.join()
            self._watcher = None
            resource.setrlimit(resource.RLIMIT_DATA, self._before)

    def _bound_allocations(self, most: int) -> None:
        _, hard = self._before
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))

    def _watch(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            if _resident() > self._limit:
                self._end()

    def _end(self, why: str = "") -> None:
        """Leave word and end the process; whoever watches it sees a lost one."""
        word = (
            f"{self._verdict}: it has {size(_resident())} of {size(self._limit)} "
            f"(resources.memory){why}"
        )
        with suppress(OSError):
            self._path.write_text(word)
            os.write(2, f"{word}\n".encode())
        os._exit(1)


def what_was_too_much(path: Path) -> str:
    """The word of a process that took too much at this path; empty where none did.

    It is taken away, for the trial may begin again and then be lost for another reason.
    """
    file, word = path.with_name(path.name + OVER), ""
    with suppress(OSError):
        word = file.read_text(errors="replace")
        file.unlink()
    return word


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * _PAGE


def _data() -> int:
    """Bytes of writable memory of its own, used or not, as RLIMIT_DATA counts them."""
    return int(_STATM.read_text().split()[5]) * _PAGE
