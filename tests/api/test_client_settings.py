"""The client's address and key: where they come from, and which are refused at once."""

import json
from pathlib import Path

import pytest

from api.client.__main__ import main
from api.client.settings import ClientSettings
from tests.support.receivers import receiving


def test_nobody_there_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    monkeypatch.delenv("KBFGS_URL", raising=False)
    monkeypatch.delenv("KBFGS_KEY", raising=False)
    assert main(["list"]) == 3
    assert "KBFGS_URL" in capsys.readouterr().err
    (tmp_path / "client.json").write_text("{")
    assert main(["list"]) == 3
    assert "client.json" in capsys.readouterr().err
    left = {"url": "http://127.0.0.1:1", "key": "a key"}
    (tmp_path / "client.json").write_text(json.dumps(left))
    assert main(["list"], patience=0.0) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://[bad",
        "127.0.0.1:1",
        "localhost:8000",
        "ftp://here",
        "http://?",
        "http://a:port",
        "http://a:99999",
        "x",
    ],
)
def test_an_address_that_is_none_is_refused_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_URL", url)
    monkeypatch.setenv("KBFGS_KEY", "a key")
    assert main(["list"], patience=60.0) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{url!r} is no address")
    assert "KBFGS_URL" in line


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "\x00"])
def test_a_key_that_is_none_is_refused_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    left = {"url": "http://127.0.0.1:1", "key": key}
    (tmp_path / "client.json").write_text(json.dumps(left))
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path))
    monkeypatch.delenv("KBFGS_URL", raising=False)
    monkeypatch.delenv("KBFGS_KEY", raising=False)
    assert main(["list"], patience=60.0) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "KBFGS_KEY" in line
    assert key not in line


def test_a_key_goes_to_the_address_that_it_was_left_with_alone(tmp_path: Path) -> None:
    left = {"url": "http://127.0.0.1:8000/", "key": "a key"}
    (tmp_path / "client.json").write_text(json.dumps(left))
    home = {"KBFGS_HOME": str(tmp_path)}
    assert ClientSettings.find(home) == ClientSettings("http://127.0.0.1:8000", "a key")
    assert ClientSettings.find({**home, "KBFGS_KEY": "mine"}).key == "mine"
    with pytest.raises(Exception, match="no key for http://elsewhere"):
        ClientSettings.find({**home, "KBFGS_URL": "http://elsewhere"})
    assert "a key" not in repr(ClientSettings.find(home))


@pytest.mark.parametrize("status", [200, 404, 500])
def test_another_server_at_the_address_is_exit_code_4(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiving() as receiver:
        receiver.answers = [status]
        monkeypatch.setenv("KBFGS_URL", receiver.url(""))
        monkeypatch.setenv("KBFGS_KEY", "a key")
        assert main(["login"], patience=0.0) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert receiver.url("") in line


def test_what_must_not_be_made_twice_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("KBFGS_URL", receiver.url(""))
        monkeypatch.setenv("KBFGS_KEY", "a key")
        for words in (["webhooks", "add", "https://hook.example/"], ["keys", "create", "ada"]):
            receiver.answers = [503]
            assert main(words, patience=60.0) == 3
            assert "see whether it was done" in capsys.readouterr().err
    assert [one.path for one in receiver.received] == ["/v1/webhooks", "/v1/keys"]
