"""`service migrate` and `service keys` on a fresh folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.__main__ import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_keys_before_migrate_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    assert main(["keys", "list"]) == 2
    assert "python -m service migrate" in capsys.readouterr().err


def test_a_key_is_made_listed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    assert main(["keys", "create", "ci", "--role", "viewer", "--days", "3"]) == 0
    secret = capsys.readouterr().out.splitlines()[-1]
    assert secret.startswith("kbfgs_")
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert "viewer" in listed
    assert "live" in listed
    assert secret not in listed
    assert main(["keys", "revoke", listed.split()[0]]) == 0
    assert main(["keys", "list"]) == 0
    assert "revoked" in capsys.readouterr().out
    assert main(["keys", "revoke", "nothing"]) == 2
    assert "nothing" in capsys.readouterr().err
