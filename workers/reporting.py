"""How a driver's events reach those who asked: a file, or the service over HTTP."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from service.contracts.event_lines import whole_lines
from service.contracts.events import Event, EventLine


class Reporter(Protocol):
    """Takes the events of one attempt of one study, in the order in which they happened."""

    def report(self, events: Sequence[Event]) -> None:
        """Take these events; they are not lost once this returns."""
        ...

    def close(self) -> None:
        """Return when everything that was reported has arrived."""
        ...


class JsonlReporter:
    """Appends the events of one study to a file of JSON lines.

    A last line that a process could not finish is taken away first.

    Args:
        path: The file, shared by the studies of a comparison.
        study_id: The study that is told about.
        attempt: Its attempt.
    """

    def __init__(self, path: Path, *, study_id: str, attempt: int) -> None:
        self._study_id, self._attempt = study_id, attempt
        self._file = path.open("ab")
        self._file.truncate(len(whole_lines(path.read_bytes())))

    def report(self, events: Sequence[Event]) -> None:
        """Append the events, in one write, and flush them."""
        lines = (
            EventLine(study_id=self._study_id, attempt=self._attempt, event=event)
            for event in events
        )
        self._file.write(b"".join(line.model_dump_json().encode() + b"\n" for line in lines))
        self._file.flush()

    def close(self) -> None:
        """Make the file last and close it."""
        os.fsync(self._file.fileno())
        self._file.close()
