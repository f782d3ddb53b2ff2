"""Sends what a study's processes print to the service while it runs: numbered chunks, not many."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from service.contracts.logs import (
    BATCH_CHUNKS,
    CHUNK_CHARACTERS,
    DRIVER_BYTES,
    TRIAL_BYTES,
    LogChunk,
)
from workers.capture import END, LOG
from workers.service_client import ServiceAway

DRIVER = "driver"
"""The name of the driver's own file."""
PAUSE_SECONDS = 0.5
"""Between two batches."""
HIDDEN = b"[hidden]"
_FULL = b"\n[the log is full: what follows is dropped, but for the end]\n"

Send = Callable[[Sequence[LogChunk]], None]


@dataclass
class _Source:
    """One file on its way: how far it was read."""

    position: int = 0
    end_told: int | None = None
    """When the end that was told was written: one that a restart replaced is told as well."""


@dataclass
class LogReader:
    """Cuts the files of a folder into chunks, each byte once.

    Args:
        folder: Where the files are: ``driver`` and one for each trial, by its id; those of further
            ranks have their number in the name, as :func:`workers.capture.of_rank` gives it.
        secrets: Words that must not leave, such as the study's token.
    """

    folder: Path
    secrets: Sequence[str] = ()
    _sources: dict[str, _Source] = field(default_factory=dict)
    _number: int = 0

    def read(self) -> list[LogChunk]:
        """What is new, one chunk a file at most, so that none crowds out the others."""
        chunks: list[LogChunk] = []
        for path in sorted(self.folder.glob(f"*{LOG}")):
            if len(chunks) == BATCH_CHUNKS:
                break
            source = self._sources.setdefault(path.stem, _Source())
            if piece := self._piece(path, source):
                chunks.append(self._chunk(path.stem, piece))
        return chunks

    def _piece(self, path: Path, source: _Source) -> bytes:
        """The next bytes of a file, up to the end of a line where there is one."""
        bound = DRIVER_BYTES if path.stem == DRIVER else TRIAL_BYTES
        room = bound - source.position
        if room > 0:
            with path.open("rb") as file:
                file.seek(source.position)
                piece = file.read(min(room, CHUNK_CHARACTERS - len(_FULL)))
            if len(piece) < room:
                piece = piece[: piece.rfind(b"\n") + 1] or self._unbroken(piece)
            source.position += len(piece)
            return piece + _FULL if source.position == bound else piece
        return self._end(path, source)

    def _unbroken(self, piece: bytes) -> bytes:
        """The piece of a long line without what may be the beginning of a secret."""
        for secret in map(str.encode, self.secrets):
            for length in range(min(len(secret), len(piece)) - 1, 0, -1):
                if piece.endswith(secret[:length]):
                    return piece[:-length]
        return piece

    def _end(self, path: Path, source: _Source) -> bytes:
        """The end of an output that was too long, once it is there."""
        end = path.with_suffix(END)
        try:
            written, piece = end.stat().st_mtime_ns, end.read_bytes()
        except FileNotFoundError:
            return b""
        if source.end_told == written:
            return b""
        source.end_told = written
        return piece[:CHUNK_CHARACTERS]

    def _chunk(self, name: str, piece: bytes) -> LogChunk:
        for secret in self.secrets:
            piece = piece.replace(secret.encode(), HIDDEN)
        self._number += 1
        trial_id, _, rank = name.partition(".")
        return LogChunk(
            number=self._number - 1,
            trial_id=None if name == DRIVER else trial_id,
            rank=int(rank or 0),
            at=datetime.now(UTC),
            text=piece.decode(errors="replace")[:CHUNK_CHARACTERS],
        )


class LogSender:
    """Sends what a :class:`LogReader` finds, in a thread of its own, until :meth:`close`.

    The files wait while the service is away. What goes wrong here is the log's loss alone: it
    ends the sending, never the study.

    Args:
        reader: Finds what is new.
        send: Delivers chunks, or raises :class:`ServiceAway`; any other exception is final.
        pause_seconds: Between two batches.
    """

    def __init__(
        self, reader: LogReader, send: Send, *, pause_seconds: float = PAUSE_SECONDS
    ) -> None:
        self._reader, self._send, self._pause = reader, send, pause_seconds
        self._unsent: list[LogChunk] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="logs", daemon=True)
        self._thread.start()

    def close(self, *, patience_seconds: float = 5.0) -> None:
        """Send what is left, if that takes no longer than this."""
        self._closing.set()
        self._thread.join(patience_seconds)

    def _work(self) -> None:
        while True:
            closing = self._closing.wait(self._pause)
            try:
                moved = self._next_batch()
            except ServiceAway:
                if closing:
                    threading.Event().wait(self._pause)
                continue
            except Exception:  # noqa: BLE001 - a study must not end over its log
                return
            if closing and not moved:
                return

    def _next_batch(self) -> bool:
        """Send what was not taken before, else what is new; False where there is nothing."""
        self._unsent = self._unsent or self._reader.read()
        if not self._unsent:
            return False
        self._send(self._unsent)
        self._unsent = []
        return True
