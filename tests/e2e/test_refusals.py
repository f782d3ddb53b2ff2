"""`service up` where it cannot run: one clear line and exit code 2."""

import socket
from pathlib import Path

import pytest

from service.up.home import free_ports
from tests.support.running_service import refused_start


@pytest.mark.process
def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refused_start(tmp_path / "home", port)


@pytest.mark.process
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    home = tmp_path / "file" / "home"
    assert str(home) in refused_start(home, free_ports(1)[0])
