"""Several processes of the web on one socket: they start, and end, together."""

import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection, get_context, parent_process
from types import FrameType

FAILED = 1
_GRACE_SECONDS = 10.0
"""A little more than the web takes for its own end."""


def run_together(run: Callable[[], None], processes: int) -> int:
    """Run the same in several processes until a signal ends them, or one of them ends.

    One that ends by itself ends them all: whoever watches over the web starts it again. None
    outlives its parent.

    Returns:
        0 after a signal, 1 where one ended by itself.
    """
    context = get_context("fork")  # so that the socket is theirs too
    children = [context.Process(target=_child, args=(run,)) for _ in range(processes)]
    woken, waker = context.Pipe(duplex=False)

    def told(_signal: int, _frame: FrameType | None) -> None:
        waker.send(None)

    for child in children:
        child.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    connection.wait([woken, *(child.sentinel for child in children)])
    for child in children:
        child.terminate()
    for child in children:
        child.join(_GRACE_SECONDS)
        child.kill()
    return 0 if woken.poll() else FAILED


def _child(run: Callable[[], None]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    run()


def _end_with_parent() -> None:
    """Even one that was killed leaves nobody behind on its port."""
    parent = parent_process()
    assert parent is not None, "this runs in a child"
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
