"""`python -m api serve` where it cannot start: one clear line and exit code 2."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from api.__main__ import main
from api.server import listen
from tests.support.api_site import empty_database


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    monkeypatch.delenv("KBFGS_DATABASE_URL", raising=False)
    monkeypatch.delenv("KBFGS_PORT", raising=False)
    return tmp_path


def refused(arguments: list[str], output: pytest.CaptureFixture[str]) -> str:
    assert main(["serve", *arguments]) == 2
    errors = output.readouterr().err
    assert len(errors.strip().splitlines()) == 1, errors
    return errors


def test_a_port_in_use_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        told = refused(["--port", port], capsys)
    assert port in told
    assert "in use" in told


def test_a_database_that_does_not_fit_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with listen("127.0.0.1", 0) as free:
        port = str(free.getsockname()[1])
    assert "python -m service migrate" in refused(["--port", port], capsys)
    monkeypatch.setenv("KBFGS_HOME", str(home / "nowhere"))
    assert "there is no database at" in refused(["--port", port], capsys)


def test_a_setting_that_is_wrong_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBFGS_PORT", "many")
    assert "KBFGS_PORT" in refused([], capsys)


@pytest.mark.parametrize("port", ["-1", "65536", "many"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--port={port}"])
    assert ended.value.code == 2
    assert f"a whole number from 0 to 65535, got '{port}'" in capsys.readouterr().err


def test_port_0_is_a_free_one_that_is_named(home: Path) -> None:
    empty_database(home)
    command = [sys.executable, "-m", "api", "serve", "--port", "0"]
    web = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        assert web.stdout
        told = re.fullmatch(r"serving on 127\.0\.0\.1, port (\d+)\n", web.stdout.readline())
        assert told
        assert httpx.get(f"http://127.0.0.1:{told[1]}/healthz", timeout=20).status_code == 200
    finally:
        web.send_signal(signal.SIGTERM)
        web.communicate(timeout=20)
