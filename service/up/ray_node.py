"""What a machine gives to a Ray cluster: the head of one, or a node that joins a head elsewhere."""

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import psutil

from service.up.errors import CannotStart

LOOPBACK = IPv4Address("127.0.0.1")
_LONGEST_SOCKET = 107
"""Bytes that the path of a Unix socket may have."""
_BELOW = len("/r/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store")
_OBJECT_STORE_BYTES = 256 * 2**20
"""Trials pass no arrays through Ray's object store."""


@dataclass(frozen=True, slots=True)
class RayNode:
    """This machine's part of a cluster, chosen before it starts and kept when it starts again."""

    folder: Path
    """For sockets, sessions and Ray's own logs."""
    token: Path
    """The file with the cluster's token."""
    cpus: int
    gpus: int | None = None
    """GPUs, whether there are devices or not; by default what Ray finds."""
    host: IPv4Address = LOOPBACK
    """This machine's address; on loopback, nothing of Ray can be reached from outside."""

    @property
    def temporary(self) -> Path:
        """Where Ray writes; it opens that to everybody, so the folder around it stays closed."""
        return self.folder / "r"

    def command(self, *flags: str, **options: object) -> tuple[str, ...]:
        """Starts it, and stays in the foreground; what else is given becomes options."""
        every = {
            "node-ip-address": self.host,
            "min-worker-port": 0,
            "max-worker-port": 0,
            "num-cpus": self.cpus,
            **({} if self.gpus is None else {"num-gpus": self.gpus}),
            "object-store-memory": _OBJECT_STORE_BYTES,
            "temp-dir": self.temporary,
            **{name.replace("_", "-"): value for name, value in options.items()},
        }
        start = (sys.executable, "-m", "ray.scripts.scripts", "start", *flags, "--block")
        given = tuple(f"--{name}={value}" for name, value in every.items())
        return (*start, *given, "--disable-usage-stats", "--log-color=false")

    def environment(self, base: Mapping[str, str], *, root: Path) -> dict[str, str]:
        """What Ray and every process below it see.

        Args:
            base: The environment of this process.
            root: The checkout, so that jobs find the workers.

        Raises:
            CannotStart: Where the machine does not have the address.
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
            # Without it, Ray listens on loopback alone; with it, on every interface.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": str(int(not self.host.is_loopback)),
            "RAY_USAGE_STATS_ENABLED": "0",
            # A machine that does not answer five times in a row is lost: after 5 s where it
            # refuses, after 30 s where it is cut off, instead of 15 s and a minute.
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "5000",
            # Left to itself, gloo takes the interface of the host's name, or loopback.
            "GLOO_SOCKET_IFNAME": interface_of(self.host),
        }


def interface_of(host: IPv4Address) -> str:
    """The network interface that has the address.

    Raises:
        CannotStart: Where none has it.
    """
    found = {
        address.address: name
        for name, addresses in psutil.net_if_addrs().items()
        for address in addresses
    }
    if str(host) not in found:
        raise CannotStart(f"KBFGS_HOST: no interface of this machine has the address {host}")
    return found[str(host)]


def short_folder() -> Path:
    """A fresh folder below which Ray's socket paths are short enough."""
    folder = Path(tempfile.mkdtemp(prefix="kb"))
    if len(os.fsencode(folder)) + _BELOW <= _LONGEST_SOCKET:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="kb", dir="/tmp"))
