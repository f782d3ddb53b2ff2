"""Two machines that a test makes of this one: network namespaces, joined by a cable.

Nothing leads from them to another network, so what runs on them may listen on their addresses.
They are there as long as a process is in them, and nothing of them is seen from outside.
"""

import ctypes
import os
import platform
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NEW_NETWORK, NEW_HOSTNAME = 0x40000000, 0x04000000
"""CLONE_NEWNET and CLONE_NEWUTS of sched.h."""
FIRST, SECOND = "10.77.0.1", "10.77.0.2"
NAMES = {FIRST: "first", SECOND: "second"}
TOOLS = ("ip", "mount", "nsenter", "unshare")
NEW = ("--net", "--uts", "--mount")
LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Machine:
    """A machine beside the one on which the test is.

    Attributes:
        holder: The process that keeps it.
    """

    holder: subprocess.Popen[bytes]

    def command(self, *words: str | Path) -> tuple[str, ...]:
        """A command as it is run there."""
        return ("nsenter", f"--target={self.holder.pid}", *NEW, "--", *map(str, words))

    @contextmanager
    def lacks(self, folder: Path) -> Iterator[None]:
        """The machine sees an empty folder in its place, as if that were not shared."""
        run(*self.command("mount", "-t", "tmpfs", "none", folder))
        try:
            yield
        finally:
            run(*self.command("umount", "--lazy", folder))


def require_machines() -> None:
    """Skip the test where machines cannot be made; where only a tool is missing, fail on CI."""
    reason = ""
    if platform.system() != "Linux" or os.geteuid() != 0:
        reason = "to make machines a test must be root on Linux"
    elif missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        reason = f"to make machines a test needs {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
    else:
        made = subprocess.run(["unshare", *NEW, "true"], capture_output=True, text=True)
        if made.returncode != 0:
            reason = f"no machine can be made here: {made.stderr.strip()}"
    if reason:
        pytest.skip(reason)


@contextmanager
def two_machines() -> Iterator[Machine]:
    """This thread, and what it starts, on the first machine; a second one beside it."""
    with _elsewhere(), _second() as second:
        pid = str(second.holder.pid)
        _up("lo")
        run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", pid)
        run("ip", "address", "add", f"{FIRST}/24", "dev", "cable")
        _up("cable")
        run(*second.command("ip", "address", "add", f"{SECOND}/24", "dev", "cable"))
        for interface in ("lo", "cable"):
            run(*second.command("ip", "link", "set", interface, "up"))
        yield second


@contextmanager
def _elsewhere() -> Iterator[None]:
    """A network and a hostname of this thread's own, while the body runs."""
    own = Path("/proc/thread-self/ns")
    with (own / "net").open() as network, (own / "uts").open() as hostname:
        _check(LIBC.unshare(NEW_NETWORK | NEW_HOSTNAME))
        try:
            socket.sethostname(NAMES[FIRST])
            yield
        finally:
            for namespace in (network, hostname):
                _check(LIBC.setns(namespace.fileno(), 0))


@contextmanager
def _second() -> Iterator[Machine]:
    """A machine that is there until its holder reads the end of its input."""
    holder = subprocess.Popen(
        ["unshare", *NEW, "sh", "-c", f"hostname {NAMES[SECOND]} && echo && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline(), "no second machine"
        yield Machine(holder)
    finally:
        holder.communicate()


def _up(interface: str) -> None:
    run("ip", "link", "set", interface, "up")


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run(*words: str) -> None:
    """Run a command; what it says against it is the error."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
