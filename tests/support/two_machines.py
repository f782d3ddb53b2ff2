"""A service whose cluster has two machines: what `service up` and `service join` start on them."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import psutil

from service.up.home import free_ports
from service.up.leftovers import end, family
from tests.support.machines import FIRST, SECOND, Machine, two_machines
from tests.support.running_service import (
    ROOT,
    RunningService,
    environment,
    running_service,
    wait_for,
)

JOINS_WITHIN = 60.0


@dataclass
class Joined:
    """What runs on the second machine, with one CPU for trials.

    Attributes:
        machine: Where it runs.
        home: The folder of the service that it joins.
        head: Where that has its Ray head.
        log: What it prints.
    """

    machine: Machine
    home: Path
    head: str
    log: Path
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def join(self) -> None:
        """Start it."""
        own = self.home.parent / "second"
        token = self.home / "ray_token"
        settings = environment(own, 8000, host=SECOND, num_cpus=1, ray_token_path=token)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.machine.command(sys.executable, "-m", "service", "join", self.head),
                cwd=ROOT,
                env={**settings, "TMPDIR": str(self.home.parent)},  # a killed one leaves it behind
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """``kill -9`` of everything that runs there at once, as when the machine loses power."""
        assert self._process is not None
        every = family([self._process.pid])
        for signal in (SIGSTOP, SIGKILL):  # first so that none of them sees another one die
            for process in every:
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(signal)
        self._process.wait()
        self._process = None

    def end(self) -> None:
        """Take the machine out of the cluster; nothing runs there afterwards."""
        if self._process is not None:
            end(family([self._process.pid]))
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class ServiceOnTwo(RunningService):
    """A service, and the machine that joined it."""

    second: Joined = field(kw_only=True)


@contextmanager
def service_on_two_machines() -> Iterator[ServiceOnTwo]:
    """The service on a machine with one CPU, which another one with one CPU has joined."""
    (port,) = free_ports(1)  # Ray takes the head of another test, on the same address, for its own
    given = {"host": FIRST, "num_cpus": 1, "ray_port": port}
    with two_machines() as machine, running_service(**given) as service:
        second = Joined(machine, service.home, f"{FIRST}:{port}", service.log.with_name("join.log"))
        try:
            second.join()
            wait_for_machines(service, 2)
            yield ServiceOnTwo(**vars(service), second=second)
        finally:
            second.end()


def wait_for_machines(service: RunningService, count: int) -> None:
    """Wait until the service sees so many machines."""
    with service.client() as client:
        wait_for(lambda: len(client.workers().nodes) == count, JOINS_WITHIN, f"{count} machines")
