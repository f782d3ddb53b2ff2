"""The dialect's own INSERT, which knows ON CONFLICT."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.db.models import Base


def insert_or(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT into the table for which a conflict can be settled."""
    postgres = session.get_bind().dialect.name == "postgresql"
    return postgresql.insert(table) if postgres else sqlite.insert(table)
