"""Events on their way to the service: a spool that outlasts an outage, and its sender."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from service.contracts.events import Event
from workers.service_client import ServiceAway
from workers.spool import Spool

BATCH_SECONDS = 0.3
BATCH_EVENTS = 1000
FIRST_PAUSE_SECONDS = 0.3
LONGEST_PAUSE_SECONDS = 5.0
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)

logger = logging.getLogger(__name__)
Send = Callable[[Sequence[Event]], None]


class NotDelivered(Exception):
    """The service could not be reached before the time was up."""


class Outbox:
    """Puts every event in a spool first and sends it from there, in order, until it is taken.

    So an outage of the web costs no memory and stops no training, until the spool is full: then
    whoever reports waits, and the trials with it. An event leaves at once where none was sent
    just before; others are gathered, so that there are three batches a second at most. A batch
    that was perhaps taken is sent again, which changes nothing on the other side. It is a
    :class:`~workers.reporting.Reporter`.

    Args:
        path: The spool's file; it is begun anew, and removed once everything was taken.
        send: Delivers a batch, or raises :class:`ServiceAway`; any other exception is final.
        refused: Called once, from the sending thread, with such an exception.
        patience_seconds: How long :meth:`close` waits for the service.
        spool: Makes the spool of a file.
    """

    def __init__(
        self,
        path: Path,
        send: Send,
        *,
        refused: Callable[[Exception], None],
        patience_seconds: float = 300.0,
        spool: Callable[[Path], Spool] = Spool,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._send, self._refused = path, send, refused
        self._patience_seconds = patience_seconds
        self._spool = spool(path)
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._over = False
        self._sent_at = float("-inf")
        self._thread = threading.Thread(target=self._work, name="outbox", daemon=True)
        self._thread.start()

    def report(self, events: Sequence[Event]) -> None:
        """Put the events in the spool; they are sent soon. Waits while the spool is full."""
        lines = [_EVENT.dump_json(event) + b"\n" for event in events]
        with self._changed:
            if self._spool.is_full and not self._over:
                logger.warning("%d events wait for the service: the trials wait", len(self._spool))
            self._changed.wait_for(lambda: self._over or not self._spool.is_full)
            self._spool.put(lines)
            self._changed.notify_all()

    def close(self) -> None:
        """Wait until everything was taken, and remove the file.

        Raises:
            NotDelivered: If the service stayed away; the file stays.
        """
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not len(self._spool), self._patience_seconds)
            if not done:
                raise NotDelivered(
                    f"{len(self._spool)} events were not delivered within "
                    f"{self._patience_seconds:g} s; they are in {self._path}"
                )
        self._thread.join()
        self._spool.close(remove=True)

    def _work(self) -> None:
        while self._wait_for_events():
            if not self._deliver():
                break
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _wait_for_events(self) -> bool:
        """Gather events for a moment after the last batch; False when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._spool) or self._closing.is_set())
            if not len(self._spool):
                return False
        self._closing.wait(max(self._sent_at + BATCH_SECONDS - time.monotonic(), 0.0))
        return True

    def _deliver(self) -> bool:
        """Send a batch until it is taken; False where the service refuses it for good."""
        with self._changed:
            lines = self._spool.first(BATCH_EVENTS)
        batch = [_EVENT.validate_json(line) for line in lines]
        pause = FIRST_PAUSE_SECONDS
        while True:
            self._sent_at = time.monotonic()
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
                    self._spool.drop(lines)
                    self._changed.notify_all()
                return True
