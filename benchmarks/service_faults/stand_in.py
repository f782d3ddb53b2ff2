"""Stands in for Ray where the dispatcher meets it, at the Jobs and state APIs over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.service_faults.driving import Job
from tests.support.small_server import Answer, Call, small_server
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

    def answer(call: Call) -> Answer:
        status, document = cluster.answer(call.method, call.path, call.body)
        return Answer(status, json.dumps(document).encode())

    with small_server(answer) as cluster.url:
        try:
            yield cluster
        finally:
            for job in cluster.jobs.values():
                job.end()
