"""The audit: who did what, the latest first."""

import base64
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from service.contracts.access import DeedPage
from service.contracts.text import Moment
from service.domain.access_rows import DeedQuery, Place
from service.domain.errors import NotFound
from service.domain.ports import Units


@dataclass(frozen=True, slots=True)
class Audit:
    """What may be asked about who did what."""

    units: Units

    def page(self, query: DeedQuery, *, limit: int = 50, cursor: str | None = None) -> DeedPage:
        """Some deeds, the latest first.

        Raises:
            NotFound: Where the cursor is none of a page before.
        """
        place = None if cursor is None else _place(cursor)
        with self.units.read() as unit:
            found = unit.deeds.before(place, query, limit=limit + 1)
        more = len(found) > limit
        return DeedPage(
            items=tuple(deed for _, deed in found[:limit]),
            next_cursor=_cursor(found[limit - 1][0]) if more else None,
        )


_PLACE: TypeAdapter[tuple[Moment, int, str, int]] = TypeAdapter(
    tuple[
        Moment,
        Annotated[int, Field(ge=0, le=1)],
        Annotated[str, Field(pattern=r"^[a-z0-9]{0,16}$")],
        Annotated[int, Field(ge=0, lt=2**31)],
    ]
)


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(_PLACE.dump_json(place)).decode()


def _place(cursor: str) -> Place:
    try:
        return Place(*_PLACE.validate_json(base64.urlsafe_b64decode(cursor.encode())))
    except ValueError as error:  # of base64, of pydantic
        raise NotFound("this cursor is of no page that was given away") from error
