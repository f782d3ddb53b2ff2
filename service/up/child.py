"""One process that is watched over: started, and started again with back-off when it ends."""

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from service.up import leftovers

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 30.0
"""Seconds after which a process counts as having started well."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    folder: Path
    """Where it runs."""


@dataclass(slots=True)
class Child:
    """A program as it runs."""

    program: Program
    say: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _pause: float = _FIRST_PAUSE
    _next_start: float = 0.0

    @property
    def pid(self) -> int | None:
        """The number of the process, while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def start(self) -> None:
        """Start the program; what it prints goes to its log."""
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.program.command,
                env=dict(self.program.environment),
                cwd=self.program.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches `up` alone, which ends them in order
            )
        self._started = self.monotonic()

    def watch(self) -> None:
        """Start the program again where it has ended, each time after a longer pause."""
        if self._process is None:
            if self.monotonic() >= self._next_start:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        now = self.monotonic()
        if now - self._started >= _STEADY_AFTER:
            self._pause = _FIRST_PAUSE
        self.say(
            f"{self.program.name} ended with code {code}; starting it again in {self._pause:g} s "
            f"(log: {self.program.log})"
        )
        self._process = None
        self._next_start = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def start_again(self, why: str) -> None:
        """End a program that runs but is of no use, and have the next look start it again."""
        self.say(f"{self.program.name} {why}; starting it again (log: {self.program.log})")
        self.end()
        self._next_start = self.monotonic()

    def end(self, *, grace: float = 3.0) -> None:
        """End the program with everything below it."""
        end_together(self, grace=grace)

    def reap(self) -> None:
        """Take note that the process has been ended."""
        if self._process is not None:
            self._process.wait()
            self._process = None


def end_together(*children: Child, grace: float) -> None:
    """End programs with everything below them, all at once."""
    leftovers.end(_families(children), grace=grace)
    for child in children:
        child.reap()


def remember_together(path: Path, *children: Child) -> None:
    """Write down what runs of the programs, for the next start to end leftovers."""
    leftovers.remember(path, _families(children))


def _families(children: Iterable[Child]) -> list[psutil.Process]:
    return leftovers.family(child.pid for child in children if child.pid is not None)
