"""The settings: variables that begin with KBFGS_, or a file, checked before anything starts."""

import os
import secrets
import tempfile
import tomllib
from collections.abc import Collection
from contextlib import suppress
from difflib import get_close_matches
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


class SettingsRefused(Exception):
    """A setting is wrong; the message is one line that names it."""


Network = IPv4Network | IPv6Network

PREFIX = "KBFGS_"
FILE_VARIABLE = "KBFGS_CONFIG"
_SHORTEST_SECRET = 16
LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]
_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")


class Settings(BaseSettings):
    """Where everything lies and listens."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    home: Path = Path("~/.kbfgs")
    """The folder of `service up`: database, secrets, checkpoints and data, where nothing else is
    said. One service runs in a folder."""
    host: IPv4Address = IPv4Address("127.0.0.1")
    """The address of this machine; any but the default opens the service to other machines."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """The web's port."""
    database_url: SecretStr = SecretStr("")
    """`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`; by default SQLite in `home`."""
    web_url: Annotated[str, Field(validate_default=True)] = ""
    """Where drivers find the web; by default this machine's own."""
    storage: str = ""
    """Where checkpoints lie, for every worker to reach; by default in `home`."""
    data: Path | None = None
    """Where every worker finds published data sets; by default in `home`."""
    data_cache: Path | None = None
    """Where every worker keeps what it made of them; by default in `home`."""
    offline: bool = False
    """Whether workers must not fetch data sets that are missing."""
    secret: SecretStr = SecretStr("")
    """Signs the study tokens; by default made at the first start and kept in `home`. Web and
    dispatcher need the same one."""
    ray_url: str = "http://127.0.0.1:8265"
    """Where Ray's dashboard answers, with its Jobs API."""
    ray_token_path: Path | None = None
    """The file that holds Ray's token."""
    ray_port: Annotated[int, Field(ge=1, le=65535)] = 6379
    """Where other machines join the Ray head of `service up`; not used on loopback."""
    num_cpus: Annotated[int, Field(ge=1)] | None = None
    """CPUs that this machine gives to the cluster; by default all."""
    num_gpus: Annotated[int, Field(ge=0)] | None = None
    """GPUs that this machine gives to the cluster; by default all that Ray finds."""
    heartbeat_limit: Annotated[float, Field(gt=0)] = 30.0
    """Seconds of silence after which a driver counts as lost."""
    start_limit: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that a submitted driver may take until it is first heard of."""
    tick: Annotated[float, Field(gt=0, le=60)] = 0.5
    """Seconds between two looks of the dispatcher."""
    log_format: LogFormat = "text"
    """Lines of `text` or of `json` on stderr, with the ids of request, comparison, study and trial
    where they are known."""
    log_level: LogLevel = "info"
    """What is logged: `debug`, `info`, `warning` or `error`."""
    log_requests: bool = False
    """Whether the web logs each request, at the level info."""
    key_comparisons: Annotated[int, Field(ge=0)] | None = None
    """Comparisons of one key that may be queued, running or paused at once, where the key has no
    limit of its own; no limit by default."""
    key_worker_seconds: Annotated[float, Field(ge=0)] | None = None
    """Worker-seconds that the comparisons of one key may use in a month, alike."""
    key_requests: Annotated[float, Field(ge=0)] = 200.0
    """Requests of one key in a second, on average, of each process of the web; ten times as many
    at once. 0 is no limit, here and below."""
    study_requests: Annotated[float, Field(ge=0)] = 200.0
    """Requests of one study's driver, alike."""
    stranger_requests: Annotated[float, Field(ge=0)] = 60.0
    """Requests of one address, without a key or token that is good, alike."""
    key_streams: Annotated[int, Field(ge=0)] = 200
    """Streams of events that one key, or one session of the pages, may listen to at once at each
    process of the web."""
    owner_studies: Annotated[int, Field(ge=1)] | None = None
    """Studies of one owner that may run at the same time; no limit by default."""
    webhook_networks: str = ""
    """Networks that webhooks may reach beside public addresses, as `10.1.0.0/16, fd00::/8`; none
    by default."""

    @classmethod
    def load(cls) -> Self:
        """The settings of the environment and of the file that `KBFGS_CONFIG` names.

        Raises:
            SettingsRefused: Naming every setting that is wrong.
        """
        try:
            return cls()
        except ValidationError as error:
            wrong = (
                f"{_where(str(detail['loc'][0]))}: {detail['msg'].removeprefix('Value error, ')}"
                for detail in error.errors(include_url=False, include_input=False)
            )
            raise SettingsRefused("; ".join(wrong)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class has it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is said in code wins over the environment, and that over the file."""
        in_file = InitSettingsSource(settings_cls, _from_file(cls.model_fields))
        return init_settings, env_settings, in_file

    @field_validator("home", "data", "data_cache")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path and path.expanduser().absolute()

    @field_validator("host")
    @classmethod
    def _one_machines(cls, host: IPv4Address) -> IPv4Address:
        if host.is_unspecified or host.is_multicast:
            raise ValueError(f"must be an address of this machine, such as 10.0.0.1, got {host}")
        return host

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and _driver(url.get_secret_value()) not in _DRIVERS:
            # It may hold a password, so it is not repeated here.
            raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        return url

    @field_validator("web_url")
    @classmethod
    def _own_web(cls, url: str, info: ValidationInfo) -> str:
        return url or f"http://{info.data.get('host')}:{info.data.get('port')}"

    @field_validator("web_url", "ray_url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        if not _is_web_address(url):
            raise ValueError(f"must be http://HOST:PORT or https://HOST:PORT, got {url!r}")
        return url.rstrip("/")

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, networks: str) -> str:
        _networks_in(networks)
        return networks

    @property
    def allowed_networks(self) -> tuple[Network, ...]:
        """What webhooks may reach beside public addresses."""
        return _networks_in(self.webhook_networks)

    @property
    def cpus_given(self) -> int:
        """CPUs that this machine gives to the cluster."""
        return self.num_cpus or os.cpu_count() or 1

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url.get_secret_value() or f"sqlite:///{self.home / 'kbfgs.db'}"

    @property
    def storage_path(self) -> str:
        """Where checkpoints lie."""
        return self.storage or str(self.home / "storage")

    @property
    def data_places(self) -> dict[str, str]:
        """What tells a worker where data sets lie, as variables of its environment."""
        return {
            "KBFGS_DATA": str(self.data or self.home / "data"),
            "KBFGS_DATA_CACHE": str(self.data_cache or self.home / "cache"),
            "KBFGS_OFFLINE": str(int(self.offline)),
        }

    def signing_secret(self) -> bytes:
        """What signs the study tokens; made where there is none yet."""
        given = self.secret.get_secret_value()
        secret = _long_enough(given, "KBFGS_SECRET") if given else kept_secret(self.home / "secret")
        return secret.encode()

    def ray_token(self) -> str | None:
        """The token of Ray's APIs, where there is one.

        Raises:
            SettingsRefused: Where its file cannot be read.
        """
        if self.ray_token_path is None:
            return None
        try:
            return _long_enough(self.ray_token_path.read_text().strip(), "KBFGS_RAY_TOKEN_PATH")
        except OSError as error:
            raise SettingsRefused(
                f"KBFGS_RAY_TOKEN_PATH: cannot read {self.ray_token_path}: {error.strerror}"
            ) from error


def _from_file(known: Collection[str]) -> dict[str, Any]:
    """The settings in the file that the environment names; none where it names none.

    Raises:
        SettingsRefused: Where it cannot be read, or holds what is no setting.
    """
    name = os.environ.get(FILE_VARIABLE, "")
    if not name:
        return {}
    try:
        found = tomllib.loads(Path(name).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsRefused(f"{FILE_VARIABLE}: cannot read {name}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsRefused(f"{FILE_VARIABLE}: {name} is not TOML: {error}") from error
    for key in found:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise SettingsRefused(f"{name}: there is no setting {key!r}{meant}")
    return found


def _where(field: str) -> str:
    """Where the wrong value of a setting stands, as its reader knows it."""
    variable = f"{PREFIX}{field.upper()}"
    if variable in os.environ or FILE_VARIABLE not in os.environ:
        return variable
    return f"{field} in {os.environ[FILE_VARIABLE]}"


def _networks_in(text: str) -> tuple[Network, ...]:
    """The networks in a list such as `10.1.0.0/16, fd00::/8`.

    Raises:
        ValueError: Naming the one that is none.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _driver(url: str) -> str | None:
    """What a database's URL begins with; None where it is not a URL."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).drivername
    except (ArgumentError, ValueError):
        return None


def kept_secret(path: Path) -> str:
    """The secret in a file that its owner alone can read, made where there is none yet.

    Raises:
        SettingsRefused: Where the file holds too little to be a secret.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _make_secret(path)
    return _long_enough(path.read_text().strip(), str(path))


def _make_secret(path: Path) -> None:
    """Put a whole secret there at once; somebody else's, made meanwhile, stays."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        os.unlink(fresh)


def _long_enough(secret: str, where: str) -> str:
    if len(secret) < _SHORTEST_SECRET:
        needed = f"a secret needs at least {_SHORTEST_SECRET} characters"
        raise SettingsRefused(f"{where}: {needed}, this has {len(secret)}")
    return secret
