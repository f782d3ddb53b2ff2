"""Several processes of the web answer on one port, and end as one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.api_site import empty_database

pytestmark = pytest.mark.process


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[psutil.Popen, str]]:
    empty_database(tmp_path)
    environment = {**os.environ, "KBFGS_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "api", "serve", "--port", "0", "--processes", "2"]
    parent = psutil.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield parent, f"http://127.0.0.1:{parent.stdout.readline().split()[-1]}"
    finally:
        left = [*parent.children(), parent] if parent.is_running() else []
        for process in left:
            process.kill()
        parent.wait()


def test_both_answer_and_a_signal_ends_both(web: tuple[psutil.Popen, str]) -> None:
    parent, url = web
    children = answering(parent, url)
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(10) == 0
    assert psutil.wait_procs(children, timeout=1)[1] == []


@pytest.mark.parametrize("killed", ["the parent", "a child"])
def test_one_that_is_killed_leaves_nobody_behind(
    web: tuple[psutil.Popen, str], killed: str
) -> None:
    parent, url = web
    children = answering(parent, url)
    (parent if killed == "the parent" else children[0]).kill()
    assert parent.wait(10) != 0
    assert psutil.wait_procs(children, timeout=10)[1] == []


def answering(parent: psutil.Popen, url: str) -> list[psutil.Process]:
    """The processes, once they answer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and len(parent.children()) < 2:
        time.sleep(0.05)
    assert httpx.get(f"{url}/healthz", timeout=30, trust_env=False).status_code == 200
    children: list[psutil.Process] = parent.children()
    assert len(children) == 2
    return children
