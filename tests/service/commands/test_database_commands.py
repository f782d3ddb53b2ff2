"""`service migrate`, `keys`, `backup`, `restore` and `prune` on a fresh folder."""

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


def test_a_backup_is_restored_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "backup.gz")
    assert main(["migrate"]) == 0
    assert main(["keys", "create", "ci"]) == 0
    assert main(["backup", file]) == 0
    assert "backup.gz: " in capsys.readouterr().out
    assert main(["restore", file]) == 2
    assert "the database is not empty" in capsys.readouterr().err
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path / "elsewhere"))
    assert main(["restore", file]) == 0
    assert main(["keys", "list"]) == 0
    assert "ci" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "nothing")]) == 2
    assert "nothing: no such file" in capsys.readouterr().err


def test_prune_says_what_would_go(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate"]) == 0
    assert main(["prune", "comparisons", "--days", "30"]) == 0
    said = capsys.readouterr().out
    assert "would go with --remove: 0 comparisons with 0 trials, 0 points and 0 B of logs" in said
    with pytest.raises(SystemExit, match="2"):
        main(["prune", "comparisons", "--days", "0"])
