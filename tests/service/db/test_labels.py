"""Lists, labels and deletions, on SQLite and on PostgreSQL."""

from sqlalchemy import text

from service.contracts.edit import Edit
from service.contracts.states import ComparisonState
from service.db.models import Base
from service.db.unit_of_work import SqlUnits
from service.domain.comparison_rows import EVERY, Wanted
from service.domain.fairness import Share
from service.domain.ordering import NEWEST_FIRST
from service.usecases.quotas import month_of
from tests.support.control_plane import PERSON, ControlPlane


def test_a_list_is_filtered_newest_first(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    ids = [plane.submit(name=f"{name}_%", tags=tags) for name, tags in NAMED]
    plane.service.control.cancel(ids[1], actor=PERSON)
    plane.tick()
    units = SqlUnits(plane.engine)
    for wanted, numbers in (
        (EVERY, [2, 1, 0]),
        (Wanted(tags=("a",)), [1, 0]),
        (Wanted(tags=("a", "b")), [1]),
        (Wanted(name="TWO_%"), [1]),
        (Wanted(owner="ada", states=(ComparisonState.CANCELLED,)), [1]),
        (Wanted(owner="bob"), []),
        (Wanted(states=(ComparisonState.RUNNING, ComparisonState.QUEUED)), [2, 0]),
    ):
        with units.read() as unit:
            found = unit.comparisons.page(9, after=None, wanted=wanted, order=NEWEST_FIRST)
        assert [one.id for _, one in found] == [ids[number] for number in numbers], wanted


NAMED = (("one", ["a"]), ("two", ["a", "b"]), ("three", []))


def test_shares_are_of_what_has_not_ended_and_follow_an_edit(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    ended, edited = plane.submit(), plane.submit(priority=-3, at_once=2, tags=["x"])
    plane.service.control.cancel(ended, actor=PERSON)
    plane.tick()
    assert plane.service.queue.shares() == {edited: Share("ada", -3, 2)}
    plane.service.control.edit(edited, Edit(priority=9, tags=("y",)), actor=PERSON)
    assert plane.service.queue.shares() == {edited: Share("ada", 9, 2)}
    for tag, found in (("x", 0), ("y", 1)):
        assert len(plane.service.comparisons.page(wanted=Wanted(tags=(tag,))).items) == found


def test_a_deleted_comparison_leaves_no_row_but_its_name(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit(tags=["a"])
    while plane.service.comparisons.get(comparison_id).state is not ComparisonState.FINISHED:
        plane.tick()
        plane.driver().run()
    spent = spent_this_month(plane)
    assert spent > 0
    plane.service.control.delete(comparison_id, actor=PERSON)
    assert spent_this_month(plane) == spent, "what was used stays used"
    with plane.engine.connect() as connection:
        left = {
            table: connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in Base.metadata.tables
        }
    assert {table: rows for table, rows in left.items() if rows} == {
        "cluster": 1,
        "access_deeds": 1,
        "deleted_comparisons": 1,
        "leases": 1,
    }


def spent_this_month(plane: ControlPlane) -> float:
    with SqlUnits(plane.engine).read() as unit:
        return unit.spending.worker_seconds(PERSON.key_id, since=month_of(plane.clock.now())[0])
