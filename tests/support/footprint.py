"""What a service has running and lying about, seen from outside: processes, groups and files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.client import Client
from service.contracts.states import ENDED_COMPARISONS
from tests.support.running_service import RunningService, command_line

TRAINING = (
    "workers run",
    "ray::JobSupervisor",
    "TrialTrainable",
    "ray::ImplicitFunc",
    "ray::TrainController",
    "RayTrainWorker",
)
"""Command lines of a study's processes."""
OF_THE_SERVICE = ("kb", "pymp-", "torchinductor_")
"""Temporary folders of the Ray head and its dashboard, and of PyTorch, once a machine."""
DASHBOARD = "--dashboard-port="


@dataclass(frozen=True)
class Footprint:
    """A service, and the folder of temporary files that it alone uses."""

    service: RunningService
    temporary: Path

    def processes(self) -> list[str]:
        """Those of drivers and of trials."""
        lines = [command_line(process) for process in self.service.processes()]
        return [line for line in lines if any(part in line for part in TRAINING)]

    def drivers(self) -> list[str]:
        """The drivers' processes, without the shells around them."""
        return [line for line in self.processes() if "workers run" in line and "sh -c" not in line]

    def groups(self) -> list[str]:
        """The placement groups that hold something, as Ray itself knows them."""
        token = (self.service.home / "ray_token").read_text().strip()
        answer = httpx.get(
            f"http://127.0.0.1:{self._dashboard_port()}/api/v0/placement_groups",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        )
        found = answer.raise_for_status().json()["data"]["result"]["result"]
        return [group["placement_group_id"] for group in found if group["state"] != "REMOVED"]

    def files(self, comparison_id: str) -> list[Path]:
        """What bears a comparison's name: checkpoints, outboxes, logs, Tune's files."""
        return list(self.service.home.glob(f"**/{comparison_id}*"))

    def strays(self) -> list[str]:
        """Temporary files that are neither the running Ray head's nor PyTorch's cache."""
        names = (path.name for path in self.temporary.iterdir())
        return [name for name in names if not name.startswith(OF_THE_SERVICE)]

    def gone_after(self, client: Client, comparison_id: str, within: float) -> dict[str, float]:
        """Seconds until nothing is left of a comparison, the only one that ran, by kind.

        Raises:
            AssertionError: Where something is left after so many seconds.
        """
        began = time.monotonic()
        gone: dict[str, float] = {}
        while True:
            seconds = time.monotonic() - began  # before the looks, which take their time themselves
            state = client.get(comparison_id).state
            left: dict[str, list[object]] = {
                "rows": [] if state in ENDED_COMPARISONS else [state],
                "processes": [*self.processes()],
                "placement groups": [*self.groups()],
                "files": [*self.files(comparison_id)],
            }
            for kind, found in left.items():
                if found:
                    gone.pop(kind, None)
                else:
                    gone.setdefault(kind, seconds)
            if len(gone) == len(left):
                return gone
            assert seconds < within, {kind: found for kind, found in left.items() if found}
            time.sleep(0.1)

    def _dashboard_port(self) -> int:
        (head, *_) = self.service.processes("ray.scripts.scripts")
        (port,) = (part for part in command_line(head).split() if part.startswith(DASHBOARD))
        return int(port.removeprefix(DASHBOARD))
