"""The audit: who did what, the latest first."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime

from service.contracts.access import DeedPage
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


def _cursor(place: Place) -> str:
    text = json.dumps([place.at.isoformat(), *place[1:]])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(cursor: str) -> Place:
    try:
        at, source, of, number = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        return Place(datetime.fromisoformat(at), int(source), str(of), int(number))
    except (ValueError, TypeError, binascii.Error) as error:
        raise NotFound("this cursor is of no page that was given away") from error
