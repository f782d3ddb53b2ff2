"""The database's own time, which is the same for every process that asks."""

from sqlalchemy import ColumnElement, Double, cast, func, literal_column
from sqlalchemy.orm import Session


def seconds_now(session: Session) -> ColumnElement[float]:
    """The present moment as the database sees it, in seconds since 1970, with fractions."""
    if session.get_bind().dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), Double)
    return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double)
