"""Brings a database to the schema that this code knows, and refuses a newer one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service.db.errors import SchemaMismatch

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> str:
    """Bring the database to the newest revision.

    Returns:
        The revision that the database has now.

    Raises:
        SchemaMismatch: Where the database cannot be opened or is newer than this code.
    """
    script = _script()
    config = _config()
    with _refusals_told(engine):
        _refuse_newer(_current(engine), script)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return str(script.get_current_head())


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
    script = _script()
    with _refusals_told(engine):
        current = _current(engine)
    _refuse_newer(current, script)
    if current != script.get_current_head():
        raise SchemaMismatch(
            "the database is older than this version; run `python -m service migrate` first"
        )


def _refuse_newer(current: str | None, script: ScriptDirectory) -> None:
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaMismatch(
            f"the database has revision {current}, which this version does not know: it was "
            "written by a newer version; use that one, or restore a backup"
        )


def _current(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def _refusals_told(engine: Engine) -> Iterator[None]:
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


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
