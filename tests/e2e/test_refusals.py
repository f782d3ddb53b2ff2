"""`service up` where it cannot run: one clear line and exit code 2."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from service.up.home import free_ports
from tests.support.running_service import ROOT, environment, running_service


def refused(home: Path, port: int) -> str:
    """What a start that must fail says; exit code 2 and one line."""
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


@pytest.mark.process
def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refused(tmp_path / "home", port)


@pytest.mark.process
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    home = tmp_path / "file" / "home"
    assert str(home) in refused(home, free_ports(1)[0])


@pytest.mark.ray
def test_a_second_start_on_the_same_folder_is_refused() -> None:
    with running_service() as first:
        assert str(first.home) in refused(first.home, free_ports(1)[0])
        assert first.process.poll() is None
