"""The folder that holds a service's state: one instance at a time."""

import fcntl
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from service.up.errors import CannotStart


@dataclass(frozen=True, slots=True)
class Home:
    """What lies where."""

    folder: Path

    @property
    def logs(self) -> Path:
        """The logs of the processes."""
        return self.folder / "logs"

    @property
    def processes(self) -> Path:
        """Which processes run for this folder, for the next start to end leftovers."""
        return self.folder / "processes.json"

    @property
    def ray_token(self) -> Path:
        """The token of the local Ray head."""
        return self.folder / "ray_token"

    @property
    def client(self) -> Path:
        """Where the service is and a key for it, for clients on this machine."""
        return self.folder / "client.json"


@contextmanager
def held(folder: Path) -> Iterator[Home]:
    """The folder, made where it is missing, and held against a second instance.

    Raises:
        CannotStart: Where it cannot be written, or another instance holds it.
    """
    home = Home(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.logs.mkdir(exist_ok=True)
        lock = (folder / "lock").open("a+")
    except OSError as error:
        raise CannotStart(f"cannot write to {folder} (KBFGS_HOME): {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotStart(
                f"another `service up` or `join` runs on {folder}; stop it, or set KBFGS_HOME to "
                "another folder"
            ) from error
        yield home


def check_storage(folder: Path) -> None:
    """Make sure that checkpoints can be written to a folder, made where it is missing.

    Raises:
        CannotStart: Where they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(f"cannot write to {folder} (KBFGS_STORAGE): {error.strerror}") from error


def check_port(port: int, host: str = "127.0.0.1", *, setting: str = "KBFGS_PORT") -> None:
    """Make sure that a port can be had on that address of this machine.

    Raises:
        CannotStart: Where someone else listens there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"port {port} cannot be had ({error.strerror}); set {setting} to another one"
            ) from error


def free_ports(count: int) -> tuple[int, ...]:
    """So many ports on loopback that nobody listens on at this moment."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(int(probe.getsockname()[1]) for probe in probes)
    finally:
        for probe in probes:
            probe.close()


def write_private(path: Path, content: dict[str, str]) -> None:
    """Write JSON that its owner alone can read, in one step."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    fresh.replace(path)
