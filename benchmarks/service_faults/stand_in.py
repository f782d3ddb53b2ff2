"""Stands in for Ray where the dispatcher meets it, at the Jobs and state APIs over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.service_faults.driving import Job
from workers.driver import DriverSettings

CPUS = 16
JOBS = "/api/jobs/"
NODES = {
    "data": {
        "result": {
            "result": [
                {
                    "node_id": "one",
                    "node_name": "127.0.0.1",
                    "state": "ALIVE",
                    "resources_total": {"CPU": CPUS, "memory": 1e12},
                }
            ]
        }
    }
}


@dataclass
class StandIn:
    """A cluster of one machine: it outlives the dispatchers, and starts each job once."""

    url: str = ""
    jobs: dict[str, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Status and body of the answer to a call, as Ray 2.60 gives them."""
        if path.startswith("/api/v0/nodes"):
            return 200, NODES
        if (method, path) == ("POST", JOBS):
            return self._submit(json.loads(body))
        job = self.jobs.get(path.removeprefix(JOBS).removesuffix("/stop"))
        if job is None:
            return 404, "there is no such thing"
        if method == "POST":
            job.end()
        return 200, {"status": job.status}

    def _submit(self, wanted: Any) -> tuple[int, object]:
        name = wanted["submission_id"]
        with self._lock:
            if name in self.jobs:
                return 500, f"Job with submission_id {name} already exists."
            job = Job(DriverSettings.from_environment(wanted["runtime_env"]["env_vars"]))
            self.jobs[name] = job
        job.begin()
        return 200, {"submission_id": name}


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """A stand-in behind a server on a free port of the loopback."""
    cluster = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply("GET")

        def do_POST(self) -> None:
            self._reply("POST")

        def _reply(self, method: str) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                return  # who asked was killed in the midst of it
            status, document = cluster.answer(method, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    cluster.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield cluster
    finally:
        for job in cluster.jobs.values():
            job.end()
        server.shutdown()
        server.server_close()
        thread.join()
