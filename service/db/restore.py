"""Reads an archive into an empty database, which becomes what was written, moment by moment."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, column, func, insert, inspect, select, table
from sqlalchemy.types import NullType, TypeEngine

from service.db.archive import FORMAT, Head, Kind
from service.db.engine import WRITES
from service.db.errors import ArchiveRefused
from service.db.migrate import downgrade, is_known, refusals_told, revision_of, upgrade
from service.db.models import Base
from service.db.models.base import Json, Utc

_ROWS_AT_ONCE = 1000
_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.PLAIN: NullType(),
    Kind.JSON: Json,
    Kind.MOMENT: Utc(),
}
_DAMAGES = (EOFError, gzip.BadGzipFile, zlib.error, ValueError, KeyError, TypeError)

Lines = Iterator[Any]


def restore(engine: Engine, path: Path) -> int:
    """Bring an empty database to what an archive holds, and that to this code's schema.

    All in one transaction: what is refused or broken off leaves the database as it was.

    Returns:
        How many rows it has now.

    Raises:
        ArchiveRefused: Where the file is damaged, no archive or a newer version's, or where the
            database is not empty.
        SchemaMismatch: Where the database cannot be used.
        OSError: Where the file cannot be read.
    """
    with _read(path) as lines, refusals_told(engine):
        revision = _revision(next(lines, None), path)
        writer = engine.execution_options(**{WRITES: True})
        with writer.begin() as connection:
            _refuse_full(connection)
            if revision_of(connection) is not None:
                downgrade(connection, "base")
            upgrade(connection, revision)
            rows = _fill(connection, lines)
            _to_its_end(lines)
            upgrade(connection, "head")
            _number_on(connection)
    return rows


def _revision(head: Any, path: Path) -> str:
    """The revision of the database that was written.

    Raises:
        ArchiveRefused: Where this code cannot read it.
    """
    if not isinstance(head, dict) or "kbfgs_archive" not in head:
        raise ArchiveRefused(f"{path} is no backup of this service")
    if head["kbfgs_archive"] != FORMAT or not is_known(head["revision"]):
        raise ArchiveRefused(
            f"{path} was written by a newer version, with revision {head['revision']}: restore it "
            "with that one"
        )
    return str(head["revision"])


@contextmanager
def _read(path: Path) -> Iterator[Lines]:
    """The lines of an archive.

    Raises:
        ArchiveRefused: Where one of them cannot be read.
    """
    with gzip.open(path, "rt", encoding="ascii") as file:
        try:
            yield (json.loads(line) for line in file)
        except _DAMAGES as error:
            raise ArchiveRefused(f"{path} is damaged: {error}") from error


def _refuse_full(connection: Connection) -> None:
    for name in inspect(connection).get_table_names():
        rows = select(func.count()).select_from(table(name))
        if name != "alembic_version" and connection.scalar(rows):
            raise ArchiveRefused(
                f"the database is not empty, there are rows in {name}: restore into a new one"
            )


def _fill(connection: Connection, lines: Lines) -> int:
    """Insert every row; how many there were.

    Raises:
        EOFError: Where the last line is missing, or counts other rows.
    """
    rows, into = 0, Head("", {})
    for are_rows, some in groupby(lines, key=lambda line: isinstance(line, list)):
        if are_rows:
            rows += _insert(connection, into, some)
            continue
        for line in some:
            if line.get("rows") == rows:
                return rows
            into = Head(line["table"], line["columns"])
    raise EOFError("it ends too early")


def _to_its_end(lines: Lines) -> None:
    """Read on until the file ends: its checksum, which covers all before, stands there.

    Raises:
        EOFError: Where something follows the last line.
    """
    if next(lines, None) is not None:
        raise EOFError("it goes on after its end")


def _insert(connection: Connection, into: Head, rows: Lines) -> int:
    """Insert a table's rows as the file has them; how many there were."""
    names = list(into.columns)
    moments = [at for at, kind in enumerate(into.columns.values()) if kind == Kind.MOMENT]
    columns = [column(name, _TYPES[Kind(kind)]) for name, kind in into.columns.items()]
    statement = insert(table(into.table, *columns))
    count = 0
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        for row in some:
            for at in moments:
                row[at] = row[at] and datetime.fromisoformat(row[at])
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in some])
        count += len(some)
    return count


def _number_on(connection: Connection) -> None:
    """Let PostgreSQL number new rows from the highest key on; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for one in Base.metadata.sorted_tables:
        key = one.autoincrement_column
        if key is not None:
            sequence = func.pg_get_serial_sequence(one.name, key.name)
            connection.execute(select(func.setval(sequence, func.max(key))))
