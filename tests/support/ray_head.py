"""A real Ray head on loopback, with a token, for the tests that need one."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from service.up.ray_head import plan_head

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0


@dataclass(frozen=True)
class RunningHead:
    """A head that answers.

    Attributes:
        address: The cluster's address, ``host:port``, as a Ray job finds it in RAY_ADDRESS.
        jobs_url: The Jobs API.
        token: What the Jobs API and everybody else wants to see.
        token_path: The file that holds it; every process of this head has it in its environment.
        environment: What a process needs to join the cluster, as a Ray job does.
    """

    address: str
    jobs_url: str
    token: str
    token_path: str
    environment: dict[str, str]


@contextmanager
def ray_head(*, cpus: int = 2, gpus: int | None = None) -> Iterator[RunningHead]:
    """Start a head as ``service up`` does; it and all that it started are gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        token = Path(folder) / "token"
        token.write_text(secrets.token_hex(16))
        head = plan_head(token, cpus=cpus, gpus=gpus)
        environment = {
            **head.environment(os.environ, root=ROOT),
            "OMP_NUM_THREADS": "1",
            "KBFGS_DATA_CACHE": os.environ["KBFGS_DATA_CACHE"],
        }
        log = Path(folder) / "head.log"
        with log.open("wb") as output:
            process = psutil.Popen(
                head.command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            with httpx.Client(trust_env=False) as http:
                until = time.monotonic() + START_SECONDS
                while not head.works(http):
                    alive = process.poll() is None and time.monotonic() < until
                    assert alive, f"no Ray head:\n{log.read_text()}"
                    time.sleep(0.1)
            yield RunningHead(
                address=head.address,
                jobs_url=head.url,
                token=token.read_text(),
                token_path=str(token),
                environment={**environment, "RAY_ADDRESS": head.address},
            )
        finally:
            _end(process)
            head.remove()


def _end(head: psutil.Popen) -> None:
    """End the head politely, which ends what it started, then whatever is left of its family."""
    family = [head, *head.children(recursive=True)]
    head.terminate()
    _, left = psutil.wait_procs(family, timeout=15)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=5)
