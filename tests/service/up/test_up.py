"""`service up` as a whole: on loopback, ended cleanly, and after a kill -9 cleaned up after."""

import json
import signal
from pathlib import Path

import pytest

from tests.support.running_service import listening, on_the_loopback, running_service, wait_for


@pytest.mark.ray
def test_a_start_after_a_kill_ends_what_was_left_and_finds_its_data(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running_service(home) as first:
        wait_for(lambda: "the cluster is ready" in first.log.read_text(), 60, "the cluster")
        key = json.loads((home / "client.json").read_text())["key"]
        assert (home / "client.json").stat().st_mode & 0o777 == 0o600
        assert "the first admin's key" in first.log.read_text()
        recorded = wait_for(
            lambda: len(json.loads((home / "processes.json").read_text())) > 5, 30, "the record"
        )
        assert recorded
        below = [one for one in first.processes() if one.pid != first.process.pid]
        assert all(map(on_the_loopback, listening(below)))
        assert "127.0.0.1" in listening(below)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        assert any(one.is_running() for one in below)
        with running_service(home) as second:
            said = second.log.read_text()
            assert "an earlier start had left behind" in said
            assert "the first admin's key" not in said
            assert not any(one.is_running() and one.status() != "zombie" for one in below)
            assert json.loads((home / "client.json").read_text())["key"] == key
            below = [one for one in second.processes() if one.pid != second.process.pid]
            second.process.send_signal(signal.SIGTERM)
            assert second.process.wait(timeout=15) == 0
            assert not any(one.is_running() for one in below)
            assert not (home / "processes.json").exists()
