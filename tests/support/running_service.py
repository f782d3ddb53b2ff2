"""`python -m service up` as a user starts it, for tests that need the whole of it."""

import ipaddress
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from api.client import Client
from service.up.home import free_ports
from service.up.leftovers import end_leftovers

ROOT = Path(__file__).parents[2]
LOGIN_LINK = re.compile(r"http://[\d.]+:\d+/login\?token=\S+")
T = TypeVar("T")


@dataclass(frozen=True)
class RunningService:
    """A service with its folder and its processes."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where the web answers on loopback."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to find this service."""
        return environment(self.home, self.port)

    @property
    def login_link(self) -> str:
        """The link with the one-time token that the start printed."""
        found = LOGIN_LINK.search(self.log.read_text())
        assert found, self.log.read_text()
        return found.group()

    def client(self) -> Client:
        """A client with the key that the start left in its folder."""
        return Client.from_environment(self.environment)

    def processes(self, pattern: str = "") -> list[psutil.Process]:
        """The service's process and all below it whose command line has the pattern."""
        own = psutil.Process(self.process.pid)
        return [p for p in [own, *own.children(recursive=True)] if pattern in command_line(p)]

    def stop(self) -> int:
        """End it as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


def environment(home: Path, port: int, **settings: object) -> dict[str, str]:
    """The variables that choose a service's folder, its port and what else is given."""
    inherited = {name: v for name, v in os.environ.items() if not name.startswith("KBFGS_")}
    chosen = {"home": home, "port": port, "num_cpus": 2, **settings}
    own = {f"KBFGS_{name.upper()}": str(value) for name, value in chosen.items()}
    return {**inherited, **own, "PYTHONPATH": str(ROOT)}


def command_line(process: psutil.Process) -> str:
    """A process's command line; empty where it has just ended."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def listening(processes: Iterable[psutil.Process]) -> set[str]:
    """The addresses that processes listen on; those that have just ended are passed over."""
    found: set[str] = set()
    for process in processes:
        try:
            connections = process.net_connections(kind="inet")
        except psutil.Error:
            continue
        found.update(c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN)
    return found


def on_the_loopback(address: str) -> bool:
    """Whether nobody outside can reach the address; IPv4 may be written as IPv6."""
    parsed = ipaddress.ip_address(address)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def start(home: Path, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the service; its output goes to ``up.log`` in its folder's parent."""
    with (home.parent / "up.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "service", "up"],
            cwd=ROOT,
            env=settings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def refused_start(home: Path, port: int) -> str:
    """What a start that must fail says, in one line and with exit code 2."""
    run = subprocess.run(
        [sys.executable, "-m", "service", "up"],
        cwd=ROOT,
        env=environment(home, port),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2, run.stdout + run.stderr
    assert len(run.stderr.strip().splitlines()) == 1, run.stderr
    return run.stderr


@contextmanager
def running_service(home: Path | None = None, **settings: object) -> Iterator[RunningService]:
    """The service, ready, and ended after the body; in a folder of its own by default."""
    with tempfile.TemporaryDirectory(prefix="kb-") as folder:
        home = home or Path(folder) / "home"
        (port,) = free_ports(1)
        process = start(home, environment(home, port, **settings))
        service = RunningService(home, port, process, home.parent / "up.log")
        try:
            wait_for(lambda: LOGIN_LINK.search(service.log.read_text()), 120, "the login link")
            yield service
        except BaseException:
            process.kill()
            end_leftovers(home / "processes.json")
            raise
        if process.poll() is None:
            service.stop()  # one that the test has killed leaves the rest to the next start


def wait_for(probe: Callable[[], T], seconds: float, what: str) -> T:
    """The first true answer of a probe; an AssertionError with its name after so long."""
    deadline = time.monotonic() + seconds
    while True:
        if answer := probe():
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what} in vain"
        time.sleep(0.1)
