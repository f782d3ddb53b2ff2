"""Brings a database to the schema that this code knows, and refuses a newer one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from service.db.engine import WRITES
from service.db.errors import SchemaMismatch

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> str:
    """Bring the database to the newest revision, in one transaction: broken off, nothing is done.

    Returns:
        The revision that the database has now.

    Raises:
        SchemaMismatch: Where the database cannot be opened or is newer than this code.
    """
    writer = engine.execution_options(**{WRITES: True})
    with refusals_told(engine), writer.begin() as connection:
        _refuse_newer(revision_of(connection))
        upgrade(connection, "head")
    return newest_revision()


def check_revision(engine: Engine) -> None:
    """Make sure that the database has the schema that this code knows.

    Raises:
        SchemaMismatch: Where it has not, or cannot be opened.
    """
    if missing := _missing_file(engine):
        raise SchemaMismatch(
            f"there is no database at {missing} yet; run `python -m service migrate` or "
            "`python -m service up` first"
        )
    with refusals_told(engine), engine.connect() as connection:
        current = revision_of(connection)
    _refuse_newer(current)
    if current != newest_revision():
        raise SchemaMismatch(
            "the database is older than this version; run `python -m service migrate` first"
        )


def newest_revision() -> str:
    """The revision of the schema that this code knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def is_known(revision: str) -> bool:
    """Whether the revision is this code's or older."""
    script = ScriptDirectory.from_config(_config())
    return any(known.revision == revision for known in script.walk_revisions())


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None where it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, revision: str) -> None:
    """Go up to a revision, within the connection's transaction."""
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Go down to a revision, within the connection's transaction; what it cannot hold is lost."""
    command.downgrade(_config(connection), revision)


def _refuse_newer(current: str | None) -> None:
    if current is not None and not is_known(current):
        raise SchemaMismatch(
            f"the database has revision {current}, which this version does not know: it was "
            "written by a newer version; use that one, or restore a backup"
        )


@contextmanager
def refusals_told(engine: Engine) -> Iterator[None]:
    """Turns what the database refuses into one line that names it, without its password."""
    try:
        yield
    except DBAPIError as error:
        said = str(error.orig).strip().splitlines()
        url = engine.url.render_as_string(hide_password=True)
        raise SchemaMismatch(
            f"the database {url} cannot be used: {said[0] if said else 'it does not say why'}"
        ) from error


def _missing_file(engine: Engine) -> Path | None:
    """Where SQLite's file would be, if there is none; opening it would make an empty one."""
    name = engine.url.database
    if engine.url.get_backend_name() != "sqlite" or not name or name == ":memory:":
        return None
    path = Path(name)
    return None if path.exists() else path


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
