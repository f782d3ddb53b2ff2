"""A receiver of webhooks on this machine, and what it was sent."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            receiver.received.append(Received(self.path, dict(self.headers), body))
            time.sleep(receiver.slow)
            self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
