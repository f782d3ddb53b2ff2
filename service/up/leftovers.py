"""Remembers which processes run, and ends those that a killed instance left behind."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

_GRACE = 5.0
"""Seconds between asking a process to end and ending it."""
_SAME_START = 0.05
"""Seconds by which two readings of a start time may differ."""


@dataclass(frozen=True, slots=True)
class Started:
    """A process by what nobody else has: its number and when it started."""

    pid: int
    started: float

    def process(self) -> psutil.Process | None:
        """The process, where it still runs; never another that got its number."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _SAME_START
        except psutil.NoSuchProcess:
            return None
        return process if same else None


def family(pids: Iterable[int]) -> list[psutil.Process]:
    """The processes and all their descendants, as far as they live."""
    found: dict[int, psutil.Process] = {}
    for pid in pids:
        try:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                found[process.pid] = process
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def remember(path: Path, processes: Iterable[psutil.Process]) -> None:
    """Write down which processes run."""
    rows = []
    for process in processes:
        try:
            rows.append({"pid": process.pid, "started": process.create_time()})
        except psutil.NoSuchProcess:
            continue
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(rows))
    fresh.replace(path)


def end_leftovers(path: Path) -> int:
    """End what an earlier instance left behind, with everything below it.

    Returns:
        How many processes there were.
    """
    if not path.exists():
        return 0
    try:
        known = [Started(row["pid"], row["started"]) for row in json.loads(path.read_text())]
    except (ValueError, KeyError, TypeError):
        path.unlink()  # a file cut short by a crash says nothing that could be trusted
        return 0
    alive = [process for one in known if (process := one.process()) is not None]
    left = family(process.pid for process in alive)
    end(left)
    path.unlink()
    return len(left)


def end(processes: Iterable[psutil.Process], *, grace: float = _GRACE) -> None:
    """Ask processes to end, and end those that do not."""
    waiting = list(processes)
    for process in waiting:
        _signal(process, hard=False)
    _, stubborn = psutil.wait_procs(waiting, timeout=grace)
    for process in stubborn:
        _signal(process, hard=True)
    psutil.wait_procs(stubborn, timeout=grace)


def _signal(process: psutil.Process, *, hard: bool) -> None:
    try:
        if hard:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
