"""Queries on who did what: the changes that people made, and what was noted beside them."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, insert, or_, select
from sqlalchemy.orm import Session

from service.contracts.access import Deed
from service.db.models import AccessDeed, Change
from service.db.models.comparisons import BY_PEOPLE
from service.domain.access_rows import DeedQuery, Place

_CHANGES, _ACCESS = 0, 1
"""The sources of deeds, in the order in which those of one moment stand."""


@dataclass(frozen=True, slots=True)
class Deeds:
    """What people did, from both sources, each read in the order of its index."""

    session: Session

    def note(self, deed: Deed) -> None:
        """Store a deed that no comparison's changes tell."""
        self.session.execute(insert(AccessDeed).values(**deed.model_dump()))

    def before(
        self, place: Place | None, query: DeedQuery, *, limit: int
    ) -> tuple[tuple[Place, Deed], ...]:
        """Deeds before a place, the latest first."""
        found = [*self._changes(place, query, limit), *self._access(place, query, limit)]
        found.sort(key=lambda entry: entry[0], reverse=True)
        return tuple(found[:limit])

    def _changes(
        self, place: Place | None, query: DeedQuery, limit: int
    ) -> list[tuple[Place, Deed]]:
        statement = (
            select(Change)
            .where(BY_PEOPLE, *_wanted(Change, query))
            .order_by(Change.at.desc(), Change.comparison_id.desc(), Change.number.desc())
            .limit(limit)
        )
        if place is not None and place.source == _CHANGES:
            same_moment = or_(
                Change.comparison_id < place.of,
                and_(Change.comparison_id == place.of, Change.number < place.number),
            )
            statement = statement.where(
                Change.at <= place.at, or_(Change.at < place.at, same_moment)
            )
        elif place is not None:
            statement = statement.where(Change.at <= place.at)
        return [
            (Place(row.at, _CHANGES, row.comparison_id, row.number), _deed(row))
            for row in self.session.scalars(statement)
        ]

    def _access(
        self, place: Place | None, query: DeedQuery, limit: int
    ) -> list[tuple[Place, Deed]]:
        statement = (
            select(AccessDeed)
            .where(*_wanted(AccessDeed, query))
            .order_by(AccessDeed.at.desc(), AccessDeed.key.desc())
            .limit(limit)
        )
        if place is not None and place.source == _ACCESS:
            statement = statement.where(
                AccessDeed.at <= place.at,
                or_(AccessDeed.at < place.at, AccessDeed.key < place.number),
            )
        elif place is not None:
            statement = statement.where(AccessDeed.at < place.at)
        return [
            (Place(row.at, _ACCESS, "", row.key), _deed(row))
            for row in self.session.scalars(statement)
        ]


def _wanted(table: type[Change] | type[AccessDeed], query: DeedQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.actor is not None:
        wanted.append(table.actor == query.actor)
    if query.subject is not None:
        wanted.append(or_(table.subject == query.subject, table.subject_id == query.subject))
    if query.since is not None:
        wanted.append(table.at >= query.since)
    if query.until is not None:
        wanted.append(table.at < query.until)
    return wanted


def _deed(row: Change | AccessDeed) -> Deed:
    return Deed(
        at=row.at,
        actor=row.actor,
        subject=row.subject,
        subject_id=row.subject_id,
        before=row.before,
        after=row.after,
        reason=row.reason,
    )
