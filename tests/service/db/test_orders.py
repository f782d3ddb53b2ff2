"""Sorted lists, page by page, on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest

from service.contracts.views import ComparisonView
from service.domain.errors import NotFound
from service.domain.ordering import By, Order, arranged, cursor_at, settled
from tests.support.control_plane import PERSON, ControlPlane

NAMED = (("beta", 1), ("alpha", 1), ("beta", 0), ("alpha", -2), ("beta", 1))
ORDERS: tuple[Order, ...] = (
    (By("created_at"),),
    (By("name"),),
    (By("priority", descending=True),),
    (By("name", descending=True), By("priority")),
    (By("state"), By("priority"), By("owner"), By("created_at"), By("name")),
)


def submitted(plane: ControlPlane) -> list[str]:
    made = []
    for name, priority in NAMED:
        plane.clock.advance(1)
        made.append(plane.submit(name=name, priority=priority))
    return made


def pages(plane: ControlPlane, order: Order) -> Iterator[tuple[ComparisonView, ...]]:
    cursor = None
    while True:
        page = plane.service.comparisons.page(limit=2, cursor=cursor, order=order)
        yield page.items
        if (cursor := page.next_cursor) is None:
            return


def test_pages_of_every_order_hold_each_comparison_once(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    made = submitted(plane)
    newest_first = [plane.service.comparisons.get(one) for one in reversed(made)]
    for order in ORDERS:
        seen = [view.id for page in pages(plane, order) for view in page]
        assert seen == [view.id for view in arranged(newest_first, settled(order))], order


def test_a_cursor_goes_on_where_its_comparison_was_deleted(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    submitted(plane)
    for order in ((By("created_at", descending=True),), (By("name", descending=True),)):
        walk = pages(plane, order)
        last = next(walk)[-1].id
        rest = [view.id for page in pages(plane, order) for view in page][2:]
        plane.service.control.cancel(last, actor=PERSON)
        plane.tick()
        plane.service.control.delete(last, actor=PERSON)
        assert [view.id for page in walk for view in page] == rest


def test_a_cursor_is_good_in_its_own_order_alone(plane: ControlPlane) -> None:
    by_name, by_owner = (By("name"),), (By("owner"),)
    cursor = cursor_at(("alpha", 1), settled(by_name))
    assert plane.service.comparisons.page(cursor=cursor, order=by_name).items == ()
    with pytest.raises(NotFound, match="sort=name,created_at, not owner"):
        plane.service.comparisons.page(cursor=cursor, order=by_owner)
