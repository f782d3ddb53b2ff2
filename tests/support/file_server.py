"""Serves files on loopback, and misbehaves as it is told."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server does; tests change it while it runs."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    version: str | None = '"one"'
    """The files' ETag."""
    cut_after: int | None = None
    """Bytes of an answer after which the connection is closed."""
    cuts: int = 0
    """How many answers are cut."""
    length: int | None = None
    """What Content-Length says, other than the truth."""
    hold: threading.Event | None = None
    """Answers wait for it."""
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and Range of the requests."""
    sent: int = 0
    """Bytes of all answers."""

    def address(self, name: str) -> str:
        return f"{self.url}/{name}"


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A running server."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, state)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, state: FileServer) -> None:
    state.asked.append((request.path, request.headers["Range"]))
    if state.hold is not None:
        state.hold.wait(10)
    content = state.files.get(request.path.lstrip("/"))
    if content is None:
        request.send_error(404)
        return
    begin = wanted_begin(request, state)
    if begin >= len(content):
        request.send_error(416)
        return
    request.send_response(206 if begin else 200)
    if begin:
        request.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
    if state.version is not None:
        request.send_header("ETag", state.version)
    body = content[begin:]
    request.send_header("Content-Length", str(state.length or len(body)))
    request.end_headers()
    if state.cuts and state.cut_after is not None:
        state.cuts -= 1
        body = body[: state.cut_after]
    request.wfile.write(body)
    state.sent += len(body)


def wanted_begin(request: BaseHTTPRequestHandler, state: FileServer) -> int:
    """Where the answer begins; from the start where ranges are not kept or the file changed."""
    wanted = re.match(r"bytes=(\d+)-", request.headers["Range"] or "")
    condition = request.headers["If-Range"]
    if not wanted or not state.ranges or condition not in (None, state.version):
        return 0
    return int(wanted[1])
