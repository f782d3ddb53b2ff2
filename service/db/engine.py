"""Opens the database: SQLite in WAL mode or PostgreSQL, by the same URL setting."""

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

WRITES = "kbfgs_writes"
"""Execution option of a transaction that will write."""

_BUSY_MILLISECONDS = 15_000


def open_engine(url: str) -> Engine:
    """An engine for the URL, set up for several processes at once."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers go on beside the one writer; BEGIN is ours, see ``_begin_sqlite``."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once: one that upgrades later may be refused without a wait."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
