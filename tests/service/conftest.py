"""The databases and the control plane that the service's tests run on."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from service.db.engine import open_engine
from service.db.migrate import migrate
from tests.support import databases
from tests.support.control_plane import ControlPlane, control_plane


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return databases.migrated_sqlite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with databases.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    url = databases.postgres_database(postgres)
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return str(make_url(url).database)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    return databases.sqlite_copy(sqlite_template, tmp_path)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The same tests on both databases."""
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_url")
    else:
        server = request.getfixturevalue("postgres")
        template = request.getfixturevalue("postgres_template")
        url = databases.postgres_database(server, template=template)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def plane(sqlite_url: str, tmp_path: Path) -> Iterator[ControlPlane]:
    """The service and its dispatcher on SQLite, with a cluster, a web and a time of the test's."""
    engine = open_engine(sqlite_url)
    yield control_plane(engine, tmp_path)
    engine.dispose()


@pytest.fixture
def plane_on_both(engine: Engine, tmp_path: Path) -> ControlPlane:
    return control_plane(engine, tmp_path)
