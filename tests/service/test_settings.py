"""A wrong setting stops the start with its name; secrets are never shown."""

from pathlib import Path

import pytest

from service.commands.settings import page
from service.settings import Settings, SettingsRefused, kept_secret


@pytest.fixture(autouse=True)
def no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests have a cache of their own, by these variables."""
    for name in ("KBFGS_DATA", "KBFGS_DATA_CACHE", "KBFGS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_a_wrong_setting_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBFGS_PORT", "many")
    monkeypatch.setenv("KBFGS_TICK", "-1")
    with pytest.raises(SettingsRefused) as info:
        Settings.load()
    assert "KBFGS_PORT" in str(info.value)
    assert "KBFGS_TICK" in str(info.value)
    assert "\n" not in str(info.value)


def test_no_secret_is_in_a_representation(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, secret="sesame-sesame-sesame", database_url="postgresql://u:sesame@host/db"
    )
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings.model_dump())
    assert settings.signing_secret() == b"sesame-sesame-sesame"


def test_everything_follows_from_the_home(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, port=9000)
    assert settings.database == f"sqlite:///{tmp_path}/kbfgs.db"
    assert settings.web_url == "http://127.0.0.1:9000"
    assert settings.storage_path == f"{tmp_path}/storage"
    assert settings.data_places == {
        "KBFGS_DATA": f"{tmp_path}/data",
        "KBFGS_DATA_CACHE": f"{tmp_path}/cache",
        "KBFGS_OFFLINE": "0",
    }
    assert settings.ray_token() is None


def test_other_machines_find_the_web_at_the_address_of_this_one(tmp_path: Path) -> None:
    assert Settings(home=tmp_path, host="10.0.0.1").web_url == "http://10.0.0.1:8000"


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "10.0.0", "::1"])
def test_what_is_no_address_of_one_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("KBFGS_HOST", host)
    with pytest.raises(SettingsRefused, match="KBFGS_HOST: "):
        Settings.load()


def test_places_of_data_are_told_as_whole_paths(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Workers run in another folder than the service was started in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KBFGS_DATA", "pictures")
    monkeypatch.setenv("KBFGS_DATA_CACHE", "~/ready")
    monkeypatch.setenv("KBFGS_OFFLINE", "true")
    assert Settings.load().data_places == {
        "KBFGS_DATA": f"{tmp_path}/pictures",
        "KBFGS_DATA_CACHE": str(Path.home() / "ready"),
        "KBFGS_OFFLINE": "1",
    }


def test_workers_read_the_places_as_the_service_tells_them(tmp_path: Path) -> None:
    from workers.data.places import Places

    told = Settings(home=tmp_path, data=tmp_path / "pictures", offline=True).data_places
    places = Places.from_environment(told)
    assert places == Places(tmp_path / "pictures", tmp_path / "cache", offline=True)
    assert Places.from_environment({"KBFGS_HOME": str(tmp_path)}) == Places.from_environment(
        Settings(home=tmp_path).data_places
    )


@pytest.mark.parametrize("url", ["foo", "mysql://u:sesame@host/db", "postgresql://u:sesame@h:p/d"])
def test_a_database_that_is_not_known_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("KBFGS_DATABASE_URL", url)
    with pytest.raises(SettingsRefused, match="KBFGS_DATABASE_URL: must be sqlite:///FILE") as info:
        Settings.load()
    assert "sesame" not in str(info.value)


@pytest.mark.parametrize("name", ["KBFGS_WEB_URL", "KBFGS_RAY_URL"])
@pytest.mark.parametrize("url", ["host:80", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsRefused, match=f"{name}: must be http://HOST:PORT"):
        Settings.load()


def test_the_clients_variable_does_not_move_the_web(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KBFGS_URL", "http://elsewhere")
    monkeypatch.setenv("KBFGS_WEB_URL", "http://web:8000/")
    assert Settings(home=tmp_path).web_url == "http://web:8000"


def test_a_token_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, ray_token_path=tmp_path / "none")
    with pytest.raises(SettingsRefused, match=r"KBFGS_RAY_TOKEN_PATH: cannot read .*none"):
        settings.ray_token()


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "secret"
    secret = kept_secret(path)
    assert len(secret) >= 32
    assert kept_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_cut_short_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    with pytest.raises(SettingsRefused, match="at least 16 characters"):
        kept_secret(tmp_path / "secret")


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="KBFGS_SECRET"):
        Settings(home=tmp_path, secret="short").signing_secret()


def test_a_file_holds_settings_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "kbfgs.toml"
    file.write_text('port = 9001\ntick = 2\ndatabase_url = "postgresql://u:sesame@host/db"\n')
    monkeypatch.setenv("KBFGS_CONFIG", str(file))
    monkeypatch.setenv("KBFGS_TICK", "3")
    settings = Settings.load()
    assert (settings.port, settings.tick) == (9001, 3.0)
    assert settings.database == "postgresql://u:sesame@host/db"
    assert "sesame" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 9001", r"kbfgs.toml: there is no setting 'prot'; did you mean 'port'\?"),
        ("port = 0", r"port in .*kbfgs.toml: Input should be greater than or equal to 1"),
        ("port 9001", r"KBFGS_CONFIG: .*kbfgs.toml is not TOML"),
        (None, r"KBFGS_CONFIG: cannot read .*kbfgs.toml: No such file"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start_with_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "kbfgs.toml"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("KBFGS_CONFIG", str(file))
    monkeypatch.delenv("KBFGS_PORT", raising=False)
    with pytest.raises(SettingsRefused, match=message):
        Settings.load()


def test_the_page_of_settings_is_the_models() -> None:
    root = Path(__file__).parents[2]
    assert (root / "docs" / "settings.md").read_text(encoding="utf-8") == page()
    assert all(field.description for field in Settings.model_fields.values())
