"""The Ray head of this machine, behind a token, in a short folder of its own."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import httpx

from service.up.home import free_ports
from service.up.ray_node import LOOPBACK, RayNode, short_folder

_NO_JOB = "no-such-job"


@dataclass(frozen=True, slots=True)
class RayHead:
    """Where a head is to run, chosen before it starts and kept when it starts again."""

    node: RayNode
    port: int
    dashboard_port: int
    client_port: int
    agent_port: int
    """With its default, a second head on the machine would take jobs and start none."""

    @property
    def address(self) -> str:
        """Where other machines join it."""
        return f"{self.node.host}:{self.port}"

    @property
    def url(self) -> str:
        """The Jobs API."""
        return f"http://{self.node.host}:{self.dashboard_port}"

    @property
    def command(self) -> tuple[str, ...]:
        """Starts the head, which stays in the foreground."""
        return self.node.command(
            "--head",
            port=self.port,
            dashboard_host=self.node.host,
            dashboard_port=self.dashboard_port,
            ray_client_server_port=self.client_port,
            dashboard_agent_listen_port=self.agent_port,
        )

    def environment(self, base: Mapping[str, str], *, root: Path) -> dict[str, str]:
        """What the head and every job below it see, as :meth:`RayNode.environment`."""
        return self.node.environment(base, root=root)

    def works(self, http: httpx.Client) -> bool:
        """Whether a job would be taken.

        A submission goes through the dashboard to its agent, which starts the driver, so both are
        asked for a job that does not exist: only a Jobs API that works on both sides of the token
        can say that there is none. Each answer takes milliseconds.
        """
        headers = {"Authorization": f"Bearer {self.node.token.read_text().strip()}"}
        agent = f"http://{self.node.host}:{self.agent_port}"
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
        for log in self.node.temporary.glob("session_2*/logs/job-driver-*.log"):
            shutil.copy2(log, destination / log.name)

    def remove(self) -> None:
        """Remove the folder of a head that has ended."""
        shutil.rmtree(self.node.folder, ignore_errors=True)


def _says_no_job(response: httpx.Response) -> bool:
    """Whether the answer is about the job, not about a path that nobody serves."""
    return response.status_code == httpx.codes.NOT_FOUND and _NO_JOB in response.text


def plan_head(
    token: Path,
    *,
    cpus: int,
    gpus: int | None = None,
    host: IPv4Address = LOOPBACK,
    port: int | None = None,
) -> RayHead:
    """A head with free ports and a fresh folder.

    Args:
        token: The file with its token.
        cpus: CPUs that trials may use.
        gpus: GPUs that they may use, devices or not; by default what Ray finds.
        host: This machine's address.
        port: Where other machines join; by default a free one.
    """
    free, dashboard, client, agent = free_ports(4)
    return RayHead(
        node=RayNode(short_folder(), token, cpus=cpus, gpus=gpus, host=host),
        port=port or free,
        dashboard_port=dashboard,
        client_port=client,
        agent_port=agent,
    )
