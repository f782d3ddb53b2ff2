"""`python -m api serve` where it cannot start: one clear line and exit code 2."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.__main__ import main
from api.server import listen
from service.contracts.views import ComparisonPage
from service.domain.records import Role
from service.usecases.comparisons import Comparisons
from tests.support.api_site import Site, empty_database, serving


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


def test_small_answers_are_sent_at_once(home: Path) -> None:
    """Without TCP_NODELAY each waits 40 ms until its reader acknowledges the first half."""

    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def see(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            own = writer.get_extra_info("socket")
            found.set_result(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = listen("127.0.0.1", 0)
        async with await asyncio.start_server(see, sock=listening):
            with socket.create_connection(listening.getsockname()):
                return await found

    assert asyncio.run(accepted()) == 1


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


def test_what_a_web_that_ends_cannot_wait_for_is_to_be_asked_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.server.GRACE_SECONDS", 0)
    begun, ended = threading.Event(), threading.Event()
    create = site.service.comparisons.page

    def slow(*given: Any, **named: Any) -> ComparisonPage:
        begun.set()
        ended.wait(1)
        return create(*given, **named)

    monkeypatch.setattr(Comparisons, "page", slow)
    key = {"Authorization": f"Bearer {site.keys[Role.ADMIN]}"}
    with ThreadPoolExecutor(1) as pool:
        with serving(site.service) as url:
            asked = pool.submit(httpx.get, f"{url}/v1/comparisons", headers=key, timeout=20)
            assert begun.wait(20)
        answer = asked.result()
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert "not known" in answer.json()["detail"]
