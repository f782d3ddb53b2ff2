"""Writes a whole database into one file, from which either kind of database can be restored.

The file is gzip of JSON lines: a head with the schema's revision; for each table a line with its
columns and what they hold, then a list for each row; at the end how many rows there were.
"""

import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select
from sqlalchemy.types import JSON, TypeEngine

from service.db.migrate import check_revision, newest_revision
from service.db.models import Base
from service.db.models.base import Utc

FORMAT = 1
_ROWS_AT_ONCE = 1000


class Kind(StrEnum):
    """How the values of a column stand in the file."""

    PLAIN = "plain"
    JSON = "json"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Head:
    """The line before a table's rows."""

    table: str
    columns: dict[str, Kind]


def back_up(engine: Engine, path: Path) -> int:
    """Write the database, as it is at one moment, into a file that its owner alone can read.

    The service may go on meanwhile. The file appears when it is whole.

    Returns:
        How many rows it holds.

    Raises:
        FileExistsError: Where there is such a file already.
        SchemaMismatch: Where the database has not the schema that this code knows.
    """
    check_revision(engine)
    if path.exists():
        raise FileExistsError(17, "there is such a file already", str(path))
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with gzip.open(file, "wt", compresslevel=3, encoding="ascii") as lines:
                rows = 0
                for line in _lines(engine):
                    rows += isinstance(line, list)
                    lines.write(json.dumps(line, separators=(",", ":")) + "\n")
                lines.write(json.dumps({"rows": rows}) + "\n")
            os.fsync(file.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def _lines(engine: Engine) -> Iterator[dict[str, Any] | list[Any]]:
    """All lines but the last, read in one transaction that sees one moment alone."""
    yield {"kbfgs_archive": FORMAT, "revision": newest_revision()}
    if engine.dialect.name == "postgresql":  # SQLite's transactions see one moment anyway
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            yield from _table(connection, table)


def _table(connection: Connection, table: Table) -> Iterator[dict[str, Any] | list[Any]]:
    head = Head(table.name, {column.name: _kind(column.type) for column in table.columns})
    yield asdict(head)
    query = select(table).order_by(*table.primary_key)
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE)
    for row in streamed.execute(query):
        yield [value.isoformat() if isinstance(value, datetime) else value for value in row]


def _kind(of: TypeEngine[Any]) -> Kind:
    match of:
        case Utc():
            return Kind.MOMENT
        case JSON():
            return Kind.JSON
        case _:
            return Kind.PLAIN
