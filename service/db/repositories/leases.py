"""Queries on leases, all by the database's clock."""

from dataclasses import dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from service.db.database_clock import seconds_now
from service.db.models import Lease
from service.db.repositories.upserts import insert_or


@dataclass(frozen=True, slots=True)
class Leases:
    """Who has which duty."""

    session: Session

    def take(self, name: str, holder: str, *, seconds: float) -> bool:
        """Take a duty that is free, or keep one's own; False where another has it.

        One that lasts longer than any can be was given before the clock was set back: it is free.
        """
        now = seconds_now(self.session)
        free = or_(Lease.holder == holder, Lease.until <= now, Lease.until > now + seconds)
        statement = insert_or(self.session, Lease).values(
            name=name, holder=holder, until=now + seconds
        )
        given = statement.on_conflict_do_update(
            index_elements=[Lease.name],
            set_={"holder": holder, "until": now + seconds},
            where=free,
        ).returning(Lease.name)
        return self.session.scalar(given) is not None

    def holds(self, name: str, holder: str) -> bool:
        """Whether the duty is theirs; nobody else can take it until the unit of work ends."""
        query = select(Lease.holder).where(Lease.name == name).with_for_update()
        return self.session.scalar(query) == holder

    def release(self, name: str, holder: str) -> None:
        """Give a duty back, where it is theirs."""
        self.session.execute(delete(Lease).where(Lease.name == name, Lease.holder == holder))
