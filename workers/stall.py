"""Ends a trial's process that makes no step any more, and leaves word of where it hung."""

import faulthandler
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workers.context import TrialFolder

HUNG = ".hung"
"""Suffix of the file in which a hung process leaves its stacks."""
_REARM_SECONDS = 1.0
"""Setting the alarm anew takes some 50 µs, so not every step does it."""


class StallGuard:
    """An alarm that is set anew by signs of life, and ends the process where they stay away.

    The alarm is the interpreter's own, in C: it goes off even where a library holds the
    interpreter's lock for ever. Then the stacks of all threads are written and the process ends;
    whoever watches it sees a lost process, and :func:`where_it_hung` tells it from a crash.

    Args:
        path: The file of the stacks, without its suffix.
        seconds: How long a sign of life may stay away.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds = path.with_name(path.name + HUNG), seconds
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("w")
        self._set_at = float("-inf")

    def alive(self) -> None:
        """Give a sign of life."""
        now = time.monotonic()
        if now - self._set_at >= min(_REARM_SECONDS, self._seconds / 4):
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._file)
            self._set_at = now

    def rest(self) -> None:
        """Expect no sign of life until the next one."""
        faulthandler.cancel_dump_traceback_later()
        self._set_at = float("-inf")

    def close(self) -> None:
        """Be done with the trial; a second call does nothing."""
        if not self._file.closed:
            self.rest()
            self._file.close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


@dataclass(frozen=True)
class WatchedFolder(TrialFolder):
    """A trial's folder that hears each step: the trial asks before it whether to stop."""

    alive: Callable[[], None]

    def is_cancelled(self) -> bool:
        """Whether the trial is to stop."""
        self.alive()
        return super().is_cancelled()


def where_it_hung(path: Path) -> str:
    """The stacks that a hung process left at this path; empty where it did not hang."""
    with suppress(OSError):
        return path.with_name(path.name + HUNG).read_text(errors="replace")
    return ""


def innermost(stacks: str) -> str:
    """The line of the last thread, the main one, at which it hung."""
    lines = stacks.rpartition("Thread ")[2].splitlines()
    return lines[1].strip() if len(lines) > 1 else "nobody knows where"
