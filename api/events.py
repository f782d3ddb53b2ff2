"""Live events: one poller a process tells every listener what changed in its comparison."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import anyio.to_thread

from service.contracts.views import ChangeEvent, PointsAnnouncement
from service.domain.errors import NotFound

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0
LONGEST_STREAM_SECONDS = 900.0
"""After this a stream ends and its listener comes back, so that a revoked key stops listening."""
CHANGES_A_READ = 1000
RECONNECT_MILLISECONDS = 1000


class Source(Protocol):
    """Where the poller reads; the calls block."""

    def changes(
        self, comparison_id: str, *, after: int = 0, limit: int = 1000
    ) -> tuple[ChangeEvent, ...]:
        """Changes of state with numbers above ``after``, in order."""
        ...

    def last_steps(self, comparison_id: str) -> dict[str, int]:
        """The last step of every trial that has points."""
        ...


@dataclass(eq=False)
class Mailbox:
    """What one listener has not been sent yet; points wait as the latest step of each trial."""

    after: int
    """The number of the last change that was delivered here."""
    told: dict[str, int] = field(default_factory=dict)
    """The step of each trial that was delivered here."""
    changes: list[ChangeEvent] = field(default_factory=list)
    steps: dict[str, int] = field(default_factory=dict)
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    """Whether there is nothing more to come: the comparison was deleted."""

    def end(self) -> None:
        """Let the listener go once it has what waits."""
        self.ended = True
        self.filled.set()

    def deliver(self, changes: tuple[ChangeEvent, ...], steps: dict[str, int]) -> None:
        """Add what this listener does not know yet."""
        fresh = [change for change in changes if change.number > self.after]
        moved = {trial: step for trial, step in steps.items() if self.told.get(trial) != step}
        if not fresh and not moved:
            return
        if fresh:
            self.after = fresh[-1].number
            self.changes.extend(fresh)
        self.told.update(moved)
        self.steps.update(moved)
        self.filled.set()

    def take(self) -> list[ChangeEvent | PointsAnnouncement]:
        """Everything that waits, changes first."""
        waiting: list[ChangeEvent | PointsAnnouncement] = [*self.changes]
        waiting += [PointsAnnouncement(trial_id=t, up_to_step=s) for t, s in self.steps.items()]
        self.changes, self.steps = [], {}
        self.filled.clear()
        return waiting


class Feed:
    """Reads the comparisons that somebody listens to, and sends each listener what is new.

    Args:
        source: Where changes and steps are read, in a thread.
        poll_seconds: Time between two reads.
    """

    def __init__(self, source: Source, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._source = source
        self._poll_seconds = poll_seconds
        self._listeners: dict[str, set[Mailbox]] = {}
        self._news = asyncio.Event()
        self._closed = False

    async def run(self) -> None:
        """Poll until the feed is closed."""
        while not self._closed:
            more = False
            for comparison_id in tuple(self._listeners):
                more |= await self._poll(comparison_id)
            if more:
                continue
            with suppress(TimeoutError):
                wait = self._poll_seconds if self._listeners else None
                await asyncio.wait_for(self._news.wait(), wait)
            self._news.clear()

    def close(self) -> None:
        """End the poller and every stream."""
        self._closed = True
        self._news.set()
        for mailboxes in self._listeners.values():
            for mailbox in mailboxes:
                mailbox.filled.set()

    async def stream(self, comparison_id: str, *, after: int) -> AsyncGenerator[str, None]:
        """A comparison's changes above ``after`` and its points, as server-sent events."""
        loop = asyncio.get_running_loop()
        end = loop.time() + LONGEST_STREAM_SECONDS
        with self._listening(comparison_id, after) as mailbox:
            yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
            while not (self._closed or mailbox.ended) and loop.time() < end:
                try:
                    await asyncio.wait_for(mailbox.filled.wait(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield ": keep-alive\n\n"
                if waiting := mailbox.take():
                    yield "".join(map(encode, waiting))

    @contextmanager
    def _listening(self, comparison_id: str, after: int) -> Iterator[Mailbox]:
        mailbox = Mailbox(after)
        self._listeners.setdefault(comparison_id, set()).add(mailbox)
        self._news.set()
        try:
            yield mailbox
        finally:
            mailboxes = self._listeners[comparison_id]
            mailboxes.discard(mailbox)
            if not mailboxes:
                del self._listeners[comparison_id]

    async def _poll(self, comparison_id: str) -> bool:
        """Read one comparison once; whether there is more to read at once."""
        mailboxes = self._listeners.get(comparison_id)
        if not mailboxes:
            return False
        after = min(mailbox.after for mailbox in mailboxes)
        try:
            changes, steps = await anyio.to_thread.run_sync(self._read, comparison_id, after)
        except NotFound:
            for mailbox in mailboxes:
                mailbox.end()
            return False
        except Exception:
            logger.exception("could not read the changes of comparison %s", comparison_id)
            return False
        for mailbox in self._listeners.get(comparison_id, ()):
            mailbox.deliver(changes, steps)
        return len(changes) == CHANGES_A_READ

    def _read(
        self, comparison_id: str, after: int
    ) -> tuple[tuple[ChangeEvent, ...], dict[str, int]]:
        changes = self._source.changes(comparison_id, after=after, limit=CHANGES_A_READ)
        return changes, self._source.last_steps(comparison_id)


def encode(event: ChangeEvent | PointsAnnouncement) -> str:
    """An event as it goes over the line; JSON holds no bare line ends."""
    match event:
        case ChangeEvent():
            return f"id: {event.number}\nevent: change\ndata: {event.model_dump_json()}\n\n"
        case PointsAnnouncement():
            return f"event: points\ndata: {event.model_dump_json()}\n\n"
