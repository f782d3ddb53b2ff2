"""How a program that watches over others is told to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a polite kill, and a terminal that was closed."""


@contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """What is set by the first signal to end that comes during the body."""
    told = threading.Event()
    previous = {number: signal.signal(number, lambda *_: told.set()) for number in _ENDING}
    try:
        yield told
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
