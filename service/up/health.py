"""Whether the cluster's head takes jobs; one that has not for long is started again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from service.up.child import Child

_ASK_EVERY = 10.0
_ASK_AGAIN = 1.0
"""Seconds until the next question while the head does not work."""
_MOST_AT_ONCE = 5.0
"""Seconds that one look can add: a machine that slept has not watched the head meanwhile."""
_START = 120.0
"""Seconds that a head may take until it works for the first time."""
_PATIENCE = 60.0
"""Seconds that a head which has worked may be of no use."""
_LONGEST = 900.0


@dataclass(slots=True)
class Health:
    """Asks the head now and then; its process may live on while nothing comes of its jobs.

    Each new start that does not help doubles the patience, for a machine that is only slow.
    """

    child: Child
    works: Callable[[], bool]
    monotonic: Callable[[], float] = time.monotonic
    ready: bool = False
    """Whether it has worked, ever."""
    _useless: float = 0.0
    """Seconds that the present process has been of no use."""
    _patience: float = _START
    _asked: float | None = None
    _next: float = float("-inf")

    def watch(self) -> None:
        """Ask where it is time to, and start the head again where it has been useless for long."""
        now = self.monotonic()
        if self.child.pid is None:
            self._forget()  # it starts again by itself
            return
        if now < self._next:
            return
        if self.works():
            self.ready = True
            self._useless, self._patience = 0.0, _PATIENCE
            self._asked, self._next = now, now + _ASK_EVERY
            return
        if self._asked is not None:
            self._useless += min(now - self._asked, _MOST_AT_ONCE)
        self._asked, self._next = now, now + _ASK_AGAIN
        if self._useless >= self._patience:
            self.child.start_again(f"has taken no jobs for {self._patience:g} s")
            self._patience = min(2 * self._patience, _LONGEST)
            self._forget()

    def _forget(self) -> None:
        """Begin anew with a fresh process."""
        self._useless, self._asked = 0.0, None
