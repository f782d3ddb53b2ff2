"""What stands in a command's way is said in one line, with exit code 2 and no traceback."""

from pathlib import Path

import pytest

from service.__main__ import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KBFGS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command says."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    return said.err


@pytest.mark.parametrize(
    "command", [("keys", "list"), ("keys", "create", "x"), ("migrate",), ("up",), ("dispatch",)]
)
def test_a_url_that_is_none_is_refused_by_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KBFGS_DATABASE_URL", "foo")
    assert refused(capsys, *command).startswith("KBFGS_DATABASE_URL: must be sqlite:///FILE")


@pytest.mark.parametrize("command", [("keys", "list"), ("migrate",), ("up",), ("dispatch",)])
def test_a_file_that_is_no_database_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    home.mkdir()
    (home / "kbfgs.db").write_text("a shopping list, and no database at all\n" * 100)
    assert refused(capsys, *command) == (
        f"the database sqlite:///{home}/kbfgs.db cannot be used: file is not a database\n"
    )


@pytest.mark.parametrize("command", [("keys", "list"), ("dispatch",)])
def test_a_database_that_is_not_there_yet_is_not_made_but_asked_for(
    home: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    home.mkdir()
    assert refused(capsys, *command) == (
        f"there is no database at {home}/kbfgs.db yet; run `python -m service migrate` or "
        "`python -m service up` first\n"
    )
    assert list(home.iterdir()) == []


def test_a_server_that_does_not_answer_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_DATABASE_URL", "postgresql://me:sesame@127.0.0.1:9/nothing")
    said = refused(capsys, "keys", "list")
    assert "postgresql+psycopg://me:***@127.0.0.1:9/nothing cannot be used: " in said
    assert "sesame" not in said


def test_a_home_that_cannot_be_made_is_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.write_text("in the way")
    assert refused(capsys, "migrate") == f"cannot write {home}: file exists\n"


def test_a_storage_that_cannot_be_written_is_named(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("KBFGS_STORAGE", str(tmp_path / "file" / "storage"))
    assert refused(capsys, "up") == (
        f"cannot write to {tmp_path}/file/storage (KBFGS_STORAGE): Not a directory\n"
    )


def test_a_token_that_is_not_there_stops_the_dispatcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("KBFGS_RAY_TOKEN_PATH", str(tmp_path / "none"))
    assert refused(capsys, "dispatch").startswith("KBFGS_RAY_TOKEN_PATH: cannot read ")


@pytest.mark.parametrize("days", ["foo", "0", "-1", "1.5", "999999999999"])
def test_days_that_are_none_are_refused_in_words(
    capsys: pytest.CaptureFixture[str], days: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["keys", "create", "x", f"--days={days}"])
    said = capsys.readouterr().err
    assert f"argument --days: must be 1 to 36500 days, got '{days}'" in said
