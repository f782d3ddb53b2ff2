"""The local Ray head: on loopback alone, behind a token, in a short folder of its own."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from service.up.home import free_ports

_LONGEST_SOCKET = 107
"""Bytes that the path of a Unix socket may have."""
_BELOW = len("/r/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")
_NO_JOB = "no-such-job"
_OBJECT_STORE_BYTES = 256 * 2**20
"""Trials pass no arrays through Ray's object store."""


@dataclass(frozen=True, slots=True)
class RayHead:
    """Where a head is to run, chosen before it starts and kept when it starts again."""

    folder: Path
    """For sockets, sessions and Ray's own logs."""
    token: Path
    cpus: int
    port: int
    dashboard_port: int
    client_port: int
    agent_port: int
    """With its default, a second head on the machine would take jobs and start none."""

    @property
    def url(self) -> str:
        """The Jobs API."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    @property
    def temporary(self) -> Path:
        """Where Ray writes; it opens that to everybody, so the folder around it stays closed."""
        return self.folder / "r"

    @property
    def command(self) -> tuple[str, ...]:
        """Starts the head, which stays in the foreground."""
        options = {
            "node-ip-address": "127.0.0.1",
            "port": self.port,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": self.dashboard_port,
            "ray-client-server-port": self.client_port,
            "dashboard-agent-listen-port": self.agent_port,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "num-cpus": self.cpus,
            "object-store-memory": _OBJECT_STORE_BYTES,
            "temp-dir": self.temporary,
        }
        start = (sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block")
        given = tuple(f"--{name}={value}" for name, value in options.items())
        return (*start, *given, "--disable-usage-stats", "--log-color=false")

    def environment(self, base: Mapping[str, str], *, root: Path) -> dict[str, str]:
        """What the head and every job below it see.

        Args:
            base: The environment of this process.
            root: The checkout, so that jobs find the workers.
        """
        kept = {
            name: value
            for name, value in base.items()
            if not name.startswith(("RAY_", "KBFGS_"))  # no secret of the service's reaches a job
        }
        return {
            **kept,
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), base.get("PATH", ""))),
            "PYTHONPATH": str(root),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            # With it, Ray listens on loopback alone; without, on every interface.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
        }

    def works(self, http: httpx.Client) -> bool:
        """Whether a job would be taken.

        A submission goes through the dashboard to its agent, which starts the driver, so both are
        asked for a job that does not exist: only a Jobs API that works on both sides of the token
        can say that there is none. Each answer takes milliseconds.
        """
        headers = {"Authorization": f"Bearer {self.token.read_text().strip()}"}
        agent = f"http://127.0.0.1:{self.agent_port}"
        questions = (
            f"{self.url}/api/jobs/{_NO_JOB}",
            f"{agent}/api/job_agent/jobs/{_NO_JOB}/logs",
        )
        try:
            return all(_says_no_job(http.get(url, headers=headers)) for url in questions)
        except httpx.HTTPError:
            return False

    def keep_logs(self, destination: Path) -> None:
        """Copy the logs of the drivers out of the folder, which will go."""
        for log in self.temporary.glob("session_2*/logs/job-driver-*.log"):
            shutil.copy2(log, destination / log.name)

    def remove(self) -> None:
        """Remove the folder of a head that has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _says_no_job(response: httpx.Response) -> bool:
    """Whether the answer is about the job, not about a path that nobody serves."""
    return response.status_code == httpx.codes.NOT_FOUND and _NO_JOB in response.text


def plan_head(token: Path, *, cpus: int) -> RayHead:
    """A head with free ports and a fresh folder."""
    port, dashboard, client, agent = free_ports(4)
    return RayHead(
        folder=short_folder(),
        token=token,
        cpus=cpus,
        port=port,
        dashboard_port=dashboard,
        client_port=client,
        agent_port=agent,
    )


def short_folder() -> Path:
    """A fresh folder below which Ray's socket paths are short enough."""
    folder = Path(tempfile.mkdtemp(prefix="kb"))
    if len(os.fsencode(folder)) + _BELOW <= _LONGEST_SOCKET:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="kb", dir="/tmp"))
