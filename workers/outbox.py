"""Events on their way to the service: a file that outlasts an outage, and its sender."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from service.contracts.events import Event
from workers.service_client import ServiceAway

BATCH_SECONDS = 0.3
BATCH_EVENTS = 1000
FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 5.0
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)

Send = Callable[[Sequence[Event]], None]


class NotDelivered(Exception):
    """The service could not be reached before the time was up."""


class Outbox:
    """Writes every event to a file first and sends it from there, in order, until it is taken.

    So an outage of the web costs no memory and stops no training. Events are sent in batches,
    three a second at most; a batch that was perhaps taken is sent again, which changes nothing
    on the other side. It is a :class:`~workers.reporting.Reporter`.

    Args:
        path: The file; it is begun anew, and removed once everything was taken.
        send: Delivers a batch, or raises :class:`ServiceAway`; any other exception is final.
        refused: Called once, from the sending thread, with such an exception.
        patience_seconds: How long :meth:`close` waits for the service.
    """

    def __init__(
        self,
        path: Path,
        send: Send,
        *,
        refused: Callable[[Exception], None],
        patience_seconds: float = 300.0,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._send, self._refused = path, send, refused
        self._patience_seconds = patience_seconds
        self._written = path.open("wb")
        self._pending = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def report(self, events: Sequence[Event]) -> None:
        """Put the events in the file; they are sent soon."""
        lines = b"".join(_EVENT.dump_json(event) + b"\n" for event in events)
        with self._changed:
            self._written.write(lines)
            self._written.flush()
            self._pending += len(events)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything was taken, and remove the file.

        Raises:
            NotDelivered: If the service stayed away; the file stays.
        """
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._pending == 0, self._patience_seconds)
            self._written.close()
            if not done:
                raise NotDelivered(
                    f"{self._pending} events were not delivered within "
                    f"{self._patience_seconds:g} s; they are in {self._path}"
                )
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _work(self) -> None:
        with self._path.open("rb") as unsent:
            while self._wait_for_events():
                if not self._deliver(self._next_batch(unsent.readline)):
                    return

    def _wait_for_events(self) -> bool:
        """Gather events for a moment; False when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closing.is_set())
            if not self._pending:
                return False
        self._closing.wait(BATCH_SECONDS)
        return True

    def _next_batch(self, read_line: Callable[[], bytes]) -> list[Event]:
        with self._changed:
            count = min(self._pending, BATCH_EVENTS)
        return [_EVENT.validate_json(read_line()) for _ in range(count)]

    def _deliver(self, batch: Sequence[Event]) -> bool:
        """Send until it is taken; False where the service refuses it for good."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                self._send(batch)
            except ServiceAway:
                threading.Event().wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001 - handed to whoever owns the outbox
                self._refused(error)
                return False
            else:
                with self._changed:
                    self._pending -= len(batch)
                    self._changed.notify_all()
                return True
