"""The list of comparisons: which of them, and in what order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends

from api.dashboard.reader import Reader, Reading
from api.lists import sort_by
from service.contracts.states import ComparisonState
from service.contracts.views import ComparisonView
from service.domain.comparison_rows import Wanted
from service.domain.ordering import COMPARISONS_BY, CREATED, NEWEST_FIRST, By, Order, settled

PAGE_SIZE = 50
LONGEST_SCAN = 20
"""Pages that a search for a text reads before it shows what it has and where to go on."""

ORDERS: Mapping[str, tuple[str, str]] = {
    CREATED: ("oldest first", "newest first"),
    "name": ("name, a to z", "name, z to a"),
    "owner": ("owner, a to z", "owner, z to a"),
    "priority": ("lowest priority first", "highest priority first"),
    "state": ("state, a to z", "state, z to a"),
}
"""What each field's order is called, rising and falling."""

_FALLING_FIRST = frozenset({CREATED, "priority", "state"})
"""Sorted once, these have what one looks for on top: the newest, the urgent, what runs."""

Sorted = Annotated[Order, Depends(sort_by(COMPARISONS_BY, otherwise="the newest stand first"))]


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a column that sorts is headed."""

    aria: str
    """``ascending`` or ``descending`` where the list stands by it first of all, else empty."""
    href: str
    """Where the list stands by it, and turned round where it does so already."""


def listed(  # a dependency: each parameter but the first two is one of the address
    reading: Reading, order: Sorted, state: str = "", q: str = "", tag: str = "", cursor: str = ""
) -> dict[str, Any]:
    """What the list shows of the comparisons that were asked for."""
    order = settled(order)
    chosen = ComparisonState(state) if state in set(ComparisonState) else None
    wanted = Wanted(states=(chosen,) if chosen else (), tags=(tag,) if tag else ())
    search = _Search(reading, wanted=wanted, order=order, text=q.strip().lower())
    found, following = search.page(cursor or None)
    filters = {"state": chosen or "", "q": q, "tag": tag, "sort": _sort(order)}
    return {
        **filters,
        "items": found,
        "cursor": cursor,
        "newest_first": order == NEWEST_FIRST,
        "ordered": _words(order),
        "orders": _orders(order),
        "sorting": {field: _sorting(field, order, filters) for field in COMPARISONS_BY},
        "first_href": _href(filters),
        "next_href": _href({**filters, "cursor": following}) if following else "",
    }


Listed = Annotated[dict[str, Any], Depends(listed)]


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for: pages of the service, of which a text may leave little."""

    reader: Reader
    wanted: Wanted
    order: Order
    text: str

    def page(self, cursor: str | None) -> tuple[list[ComparisonView], str | None]:
        """A page's worth of comparisons with that text, and where the next page begins."""
        found: list[ComparisonView] = []
        for _ in range(LONGEST_SCAN):
            page = self.reader.service.comparisons.page(
                limit=PAGE_SIZE, cursor=cursor, wanted=self.wanted, order=self.order
            )
            found += [view for view in page.items if self.text in _searched(view)]
            cursor = page.next_cursor
            if cursor is None or len(found) >= PAGE_SIZE:
                break
        return found, cursor


def _searched(view: ComparisonView) -> str:
    names = (one.name for one in view.contenders)
    return " ".join((view.id, view.name, *view.problems, *view.tags, *names)).lower()


def _sorting(field: str, order: Order, filters: Mapping[str, str]) -> Sorting:
    """A column's head; what the list stood by before goes on to order what is alike."""
    first, *_ = order
    leads = first.field == field
    rises = first.descending == (field == CREATED)  # what is shown of that is the age
    aria = ("ascending" if rises else "descending") if leads else ""
    falling = not first.descending if leads else field in _FALLING_FIRST
    rest = [by for by in order if by.field not in {field, CREATED}]
    asked = settled((By(field, descending=falling), *rest))
    return Sorting(aria, _href({**filters, "sort": _sort(asked)}))


def _orders(order: Order) -> dict[str, str]:
    """What a list of orders offers: each field both ways, and the present one."""
    each = (
        settled((By(field, descending=falling),))
        for field in COMPARISONS_BY
        for falling in (field in _FALLING_FIRST, field not in _FALLING_FIRST)
    )
    return {_word(one): _words(one) for one in (*each, order)}


def _sort(order: Order) -> str:
    """The parameter, which the usual order does without."""
    return "" if order == NEWEST_FIRST else _word(order)


def _told(order: Order) -> Order:
    """What has to be said of a settled order: the rest follows from it."""
    named = order[:-1]
    return named if named and settled(named) == order else order


def _word(order: Order) -> str:
    """A settled order as an address says it."""
    return ",".join(map(str, _told(order)))


def _words(order: Order) -> str:
    """``newest first``, ``state, z to a; name, a to z``."""
    return "; ".join(ORDERS[by.field][by.descending] for by in _told(order))


def _href(query: Mapping[str, str]) -> str:
    kept = {name: value for name, value in query.items() if value}
    return "/?" + urlencode(kept) if kept else "/"
