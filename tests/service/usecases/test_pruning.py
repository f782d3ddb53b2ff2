"""What ended long ago goes with all that it has, and nothing else."""

from datetime import timedelta

from sqlalchemy import func, select

from service.contracts.logs import LogBatch, LogChunk
from service.db.models import Base
from service.db.unit_of_work import SqlUnits
from service.domain.retention import Weight
from tests.support.control_plane import ControlPlane

DAY = 86_400.0
REMEMBERED = {"access_deeds", "cluster", "deleted_comparisons", "leases"}
"""What is of no comparison that is there."""


def ended(plane: ControlPlane) -> str:
    """A comparison that has finished, with a log of eight characters."""
    comparison_id = plane.submit(seeds=1, tuning={"trials": 1})
    before = len(plane.cluster.requests)
    for study in range(before, before + 3):
        plane.tick()
        driver = plane.driver(plane.cluster.requests[study].submission_id)
        driver.run()
    chunk = LogChunk(number=0, at=plane.clock.now(), text="the log\n")
    plane.service.logs.record(driver.study_id, LogBatch(attempt=1, chunks=(chunk,)))
    assert plane.service.comparisons.get(comparison_id).state == "finished"
    return comparison_id


def stored(plane: ControlPlane) -> dict[str, int]:
    with SqlUnits(plane.engine).read() as unit:
        session = unit.comparisons.session
        tables = Base.metadata.sorted_tables
        return {
            one.name: session.scalar(select(func.count()).select_from(one))
            for one in tables
            if one.name not in REMEMBERED
        }


def test_old_comparisons_go_with_everything_and_the_others_stay(
    plane_on_both: ControlPlane,
) -> None:
    plane, pruning = plane_on_both, plane_on_both.service.pruning
    ended(plane)
    plane.clock.advance(10 * DAY)
    before = stored(plane)
    recent = ended(plane)
    both = stored(plane)
    plane.clock.advance(10 * DAY)
    moment, weight = pruning.older_than(15)
    assert weight == Weight(comparisons=1, trials=4, points=16, log_characters=8)
    pruning.forget(moment)
    assert [view.id for view in plane.service.comparisons.page().items] == [recent]
    of_recent = {name: count - before[name] for name, count in both.items()}
    assert stored(plane) == of_recent
    assert pruning.older_than(15)[1] == Weight(0, 0, 0, 0)


def test_old_logs_go_alone(plane: ControlPlane) -> None:
    comparison_id, pruning = ended(plane), plane.service.pruning
    plane.clock.advance(2 * DAY)
    pruning.forget_logs(pruning.older_than(3)[0])
    assert plane.service.logs.page(comparison_id).items
    pruning.forget_logs(pruning.older_than(1)[0])
    assert plane.service.logs.page(comparison_id).items == ()
    assert pruning.older_than(1)[1] == Weight(1, 4, 16, 0)
    assert plane.service.reports.report(comparison_id).status == "final"


def test_what_has_not_ended_never_goes(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.service.pruning.forget(plane.clock.now() + timedelta(days=1))
    with SqlUnits(plane.engine).write() as unit:
        unit.retention.forget_logs(comparison_id)
    assert plane.service.comparisons.get(comparison_id).state == "queued"
