"""Ray's Jobs and state APIs over HTTP with a bearer token; nothing of ray is imported.

As Ray 2.60 answers: 401 without a token, 403 with a wrong one, 404 for an unknown job, and 500
with "already exists" in its text for a submission id that was used before.
"""

from dataclasses import dataclass, field
from typing import Any

import httpx

from service.dispatch.wire import check, read_capacity, read_job
from service.domain.ports import Clock, Job, JobRequest, JobStatus, RunnerUnreachable
from service.domain.records import Capacity

ENTRYPOINT = "python -m workers run"
"""The only command that is ever submitted."""

_MOST_NODES = 10_000


def ray_client(url: str, token: str | None) -> httpx.Client:
    """A client of Ray's dashboard that shows the cluster's token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(
        base_url=url, headers=headers, timeout=httpx.Timeout(15.0, connect=3.0), trust_env=False
    )


@dataclass(frozen=True, slots=True)
class RayJobs:
    """Runs drivers as Ray jobs."""

    http: httpx.Client = field(repr=False)
    clock: Clock
    entrypoint: str = ENTRYPOINT

    def submit(self, request: JobRequest) -> None:
        """Start a job; one that is there already is left as it is.

        Raises:
            RunnerUnreachable: Where Ray is away, or does not take it.
        """
        body = {
            "entrypoint": self.entrypoint,
            "submission_id": request.submission_id,
            "entrypoint_num_cpus": 0,
            "runtime_env": {"env_vars": dict(request.environment)},
        }
        response = self._send("POST", "/api/jobs/", json=body)
        if response.is_error and "already exists" in response.text:
            return
        check(response)

    def status(self, submission_id: str) -> Job:
        """Where a job stands.

        Raises:
            RunnerUnreachable: Where Ray is away.
        """
        response = self._send("GET", f"/api/jobs/{submission_id}")
        if response.status_code == httpx.codes.NOT_FOUND:
            return Job(JobStatus.UNKNOWN)
        return read_job(check(response))

    def stop(self, submission_id: str) -> None:
        """Ask a job to end; one that is over or unknown is left as it is.

        Raises:
            RunnerUnreachable: Where Ray is away.
        """
        response = self._send("POST", f"/api/jobs/{submission_id}/stop")
        if response.status_code != httpx.codes.NOT_FOUND:
            check(response)

    def delete(self, submission_id: str) -> None:
        """Let Ray forget a job that is over; an unknown one is left as it is.

        Raises:
            RunnerUnreachable: Where Ray is away, or the job is not over.
        """
        response = self._send("DELETE", f"/api/jobs/{submission_id}")
        if response.status_code != httpx.codes.NOT_FOUND:
            check(response)

    def capacity(self) -> Capacity:
        """The cluster's live machines, with what is free on them where Ray says so.

        Raises:
            RunnerUnreachable: Where Ray is away.
        """
        parameters = {"detail": "1", "limit": str(_MOST_NODES)}
        nodes = check(self._send("GET", "/api/v0/nodes", params=parameters))
        usage = self._send("GET", "/nodes", params={"view": "summary"})
        return read_capacity(
            nodes, usage=usage.json() if usage.is_success else None, at=self.clock.now()
        )

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self.http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise RunnerUnreachable(
                f"Ray does not answer at {self.http.base_url}: {error}"
            ) from error
