"""In what order a list stands, and how a cursor tells where its next page begins."""

import base64
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from types import GenericAlias
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter

from service.contracts.text import storable
from service.domain.errors import NotFound

T = TypeVar("T")

Place = tuple[str | int, ...]
"""What the last entry of a page has of each field of its order: it may be gone by the next page."""


@dataclass(frozen=True, slots=True)
class By:
    """A field by which a list is sorted."""

    field: str
    descending: bool = False

    def __str__(self) -> str:
        """As a request says it."""
        return f"-{self.field}" if self.descending else self.field


Order = tuple[By, ...]
"""By the first field; where that is alike by the next one."""

CREATED = "created_at"
NEWEST_FIRST: Order = (By(CREATED, descending=True),)
_Text = Annotated[str, Field(max_length=200), AfterValidator(storable)]
_Number = Annotated[int, Field(ge=-(2**31), lt=2**31)]
COMPARISONS_BY: dict[str, Any] = {
    CREATED: _Number,
    "name": _Text,
    "owner": _Text,
    "priority": _Number,
    "state": _Text,
}
"""What comparisons are sorted by, each by an index, with what a cursor holds of it; no two were
created at once, so the number of their creation stands for the moment."""


def settled(order: Order) -> Order:
    """An order in which no two comparisons are alike: what is, is sorted by its age.

    It goes in the direction of the last field, as an index is read; without any, the newest first.
    """
    if not order:
        return NEWEST_FIRST
    until = next((n for n, by in enumerate(order, start=1) if by.field == CREATED), None)
    return order[:until] if until else (*order, By(CREATED, descending=order[-1].descending))


def cursor_at(place: Place, order: Order) -> str:
    """A word for a place in a settled order, to be given back as it is."""
    return base64.urlsafe_b64encode(_cursors(order).dump_json((_word(order), *place))).decode()


def place_at(cursor: str, order: Order) -> Place:
    """The place that a cursor stands for.

    Raises:
        NotFound: Where it is none of a page in this order.
    """
    try:
        word, *place = _cursors(order).validate_json(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError as error:  # of base64, of pydantic
        raise NotFound("this cursor is of no page that was given away") from error
    if word != _word(order):
        raise NotFound(f"this cursor is of a list with sort={word}, not {_word(order)}")
    return tuple(place)


def _word(order: Order) -> str:
    return ",".join(map(str, order))


@functools.lru_cache
def _cursors(order: Order) -> TypeAdapter[tuple[Any, ...]]:
    kinds: Any = GenericAlias(tuple, (_Text, *(COMPARISONS_BY[by.field] for by in order)))
    return TypeAdapter(kinds)


def arranged(entries: Iterable[T], order: Order) -> tuple[T, ...]:
    """Entries in an order, alike ones as they stood; what lacks a field comes last either way."""
    found = list(entries)
    for by in reversed(order):
        known = [entry for entry in found if getattr(entry, by.field) is not None]
        unknown = [entry for entry in found if getattr(entry, by.field) is None]
        known.sort(key=lambda entry: getattr(entry, by.field), reverse=by.descending)
        found = known + unknown
    return tuple(found)
