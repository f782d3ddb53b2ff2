"""A driver's heartbeat: once a second it says that it lives and hears what to stop."""

import threading
from collections.abc import Callable, Collection

from service.contracts.events import HeartbeatReply
from workers.service_client import ServiceAway

SECONDS = 1.0


class Pulse:
    """Beats in a thread of its own until :meth:`stop`; silence on the other side is put up with.

    Args:
        beat: Sends one heartbeat, or raises :class:`ServiceAway`; other exceptions are final.
        halt: Called with the ids of trials to stop, cancelled or paused, each once.
        dismissed: Called with a final exception; the pulse is over then.
        seconds: Between two beats.
    """

    def __init__(
        self,
        beat: Callable[[], HeartbeatReply],
        *,
        halt: Callable[[Collection[str]], None],
        dismissed: Callable[[Exception], None],
        seconds: float = SECONDS,
    ) -> None:
        self._beat, self._halt, self._dismissed = beat, halt, dismissed
        self._seconds = seconds
        self._told: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pulse", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Beat no more; nothing is called once this returns."""
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self._obey(self._beat())
            except ServiceAway:
                pass
            except Exception as error:  # noqa: BLE001 - handed to the driver
                if not self._stopping.is_set():
                    self._dismissed(error)
                return
            self._stopping.wait(self._seconds)

    def _obey(self, reply: HeartbeatReply) -> None:
        fresh = frozenset((*reply.cancel, *reply.pause)) - self._told
        if fresh:
            self._halt(fresh)
            self._told |= fresh
