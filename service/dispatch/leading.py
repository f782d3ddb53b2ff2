"""Which of several dispatchers leads: one does the work, the others are ready to take over."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.usecases.queue import Queue

logger = logging.getLogger(__name__)

LASTS = 5.0
"""Seconds after which another dispatcher may take over from one that is silent."""
_RENEWALS = 4
"""How often in that time the lead is asked for anew."""


def a_holder() -> str:
    """A name for this process that no other process has."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


@dataclass(slots=True)
class Leader:
    """The lead as one dispatcher sees it.

    One that was held up, and has lost it meanwhile, may go on for a moment: each claim asks again
    within its transaction, and all else that two dispatchers do at once does no harm.
    """

    queue: Queue
    holder: str = field(default_factory=a_holder)
    lasts: float = LASTS
    monotonic: Callable[[], float] = time.monotonic
    _leads: bool | None = None
    _next: float = float("-inf")

    def leads(self) -> bool:
        """Whether this dispatcher is the one that works."""
        now = self.monotonic()
        if now >= self._next:
            leads = self.queue.lead(self.holder, seconds=self.lasts)
            self._next = now + self.lasts / _RENEWALS
            if leads is not self._leads:
                logger.info("this dispatcher leads" if leads else "another dispatcher leads")
            self._leads = leads
        return bool(self._leads)

    def let_go(self) -> None:
        """Let another take over at once."""
        self.queue.step_down(self.holder)
        self._leads, self._next = None, float("-inf")
