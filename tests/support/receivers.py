"""A receiver of webhooks on this machine, and what it was sent."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.support.small_server import Answer, Call, small_server


@dataclass(frozen=True)
class Received:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """What it has received, and what it answers."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """The statuses that are answered next; then 204 for ever."""
    location: str = ""
    """Where it sends who asks, with whatever status."""
    slow: float = 0.0
    """Seconds that an answer takes."""

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        """The address of one of its paths."""
        return f"http://{host}:{self.port}{path}"


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port, until the body ends."""
    receiver = Receiver()

    def answer(call: Call) -> Answer:
        receiver.received.append(Received(call.path, dict(call.headers), call.body.decode()))
        time.sleep(receiver.slow)
        status = receiver.answers.pop(0) if receiver.answers else 204
        return Answer(status, headers={"Location": receiver.location} if receiver.location else {})

    with small_server(answer) as url:
        receiver.port = httpx.URL(url).port or 0
        yield receiver
