"""Writes many points at once, each database in its fastest way: the hot path of ingest."""

from collections.abc import Sequence
from functools import cache
from operator import attrgetter
from typing import TypeVar

import psycopg
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Dialect,
    Integer,
    MetaData,
    Table,
    bindparam,
    delete,
    exc,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from service.contracts.events import MetricPoint
from service.db.models import Point

COLUMNS = tuple(Point.__table__.c.keys())
_KEYS = ("trial_key", "step", "attempt")
_values = attrgetter(*(name for name in COLUMNS if name not in _KEYS))
_WIDE = {
    name: BigInteger() if isinstance(column.type, Integer) else column.type
    for name, column in Point.__table__.c.items()
}
"""A copy cuts off what is too large for it without a word; the insert from it refuses that."""
_INCOMING = Table(
    "incoming_points",
    MetaData(),
    *(Column(name, kind) for name, kind in _WIDE.items()),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DELETE ROWS",
)
"""Lives as long as a connection to PostgreSQL does, and is empty between its transactions."""
_TYPES = ["int8" if isinstance(kind, BigInteger) else "float8" for kind in _WIDE.values()]
_COPY = f"COPY {_INCOMING.name} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"

_Insert = TypeVar("_Insert", sqlite.Insert, postgresql.Insert)

Row = tuple[float | None, ...]


def row(trial_key: int, attempt: int, point: MetricPoint) -> Row:
    """A point by ``COLUMNS``."""
    return (trial_key, point.step, attempt, *_values(point))


def write_points(connection: Connection, rows: Sequence[Row]) -> None:
    """Store points, no two of the same trial and step; an equal or higher attempt overwrites."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_upsert(connection.dialect), list(rows))
        return
    connection.execute(CreateTable(_INCOMING, if_not_exists=True))
    _copy(connection, rows)
    taken = delete(_INCOMING).returning(*_INCOMING.c).cte("taken")
    connection.execute(_overwriting(postgresql.insert(Point).from_select(COLUMNS, select(taken))))


def _copy(connection: Connection, rows: Sequence[Row]) -> None:
    """Send rows as PostgreSQL stores them, without a statement for each."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:  # which SQLAlchemy wraps where it runs the statement
        raise exc.DBAPIError.instance(
            _COPY, None, error, psycopg.Error, dialect=connection.dialect
        ) from error


@cache
def _sqlite_upsert(dialect: Dialect) -> str:
    """The statement in words, as the driver takes rows faster than SQLAlchemy does."""
    values: dict[str, object] = {name: bindparam(name) for name in COLUMNS}
    compiled = _overwriting(sqlite.insert(Point).values(values)).compile(dialect=dialect)
    assert tuple(compiled.positiontup or ()) == COLUMNS
    return str(compiled)


def _overwriting(statement: _Insert) -> _Insert:
    return statement.on_conflict_do_update(
        index_elements=[Point.trial_key, Point.step],
        set_={name: statement.excluded[name] for name in COLUMNS if name not in _KEYS[:2]},
        where=statement.excluded.attempt >= Point.attempt,
    )
