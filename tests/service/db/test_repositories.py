"""What every repository promises, on SQLite and on PostgreSQL."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError

from service.contracts.events import MetricPoint
from service.contracts.metrics import Metric
from service.contracts.plan import Seeds
from service.contracts.states import ComparisonState, StudyState
from service.db.engine import open_engine
from service.db.unit_of_work import SqlUnits
from service.domain.errors import StorageUnavailable
from service.domain.records import Capacity, ComparisonRecord, Node
from service.domain.rows import RememberedRequest
from tests.support.comparisons import a_spec
from tests.support.control_plane import PERSON, ControlPlane, FakeDriver, point
from tests.support.databases import postgres_database


def test_a_unit_that_raises_leaves_nothing(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    units = SqlUnits(plane_on_both.engine)

    def write_and_raise() -> None:
        with units.write() as unit:
            unit.comparisons.set_verdict(comparison_id, "never")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_raise()
    with units.read() as unit:
        found = unit.comparisons.get(comparison_id)
    assert found is not None
    assert found.verdict is None


def test_what_is_stored_comes_back_the_same(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    view = plane.service.comparisons.get(plane.submit())
    assert view.created_at == plane.clock.now()
    assert view.created_at.utcoffset() == timedelta(0)
    with SqlUnits(plane.engine).read() as unit:
        trial = unit.trials.of(view.id, contender="adam")[0]
    assert trial.settings["betas"] == (0.9, 0.999)
    assert set(trial.point) == {"lr", "eps"}
    assert trial.settings.items() >= trial.point.items()


def test_a_point_comes_back_with_each_of_its_metrics(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    figures = {metric: 0.1 + 0.1 * number for number, metric in enumerate(Metric)}
    measured = point(2).model_copy(update=figures)
    units = SqlUnits(plane_on_both.engine)
    with units.write() as unit:
        key = unit.trials.of(comparison_id)[0].key
        unit.points.upsert(1, [(key, point(2))])
        unit.points.upsert(1, [(key, point(2)), (key, measured), (key, point(3))])
    with units.read() as unit:
        assert unit.points.of([key])[key] == (measured, point(3))
        columns = unit.points.columns([key, key + 1])
    assert columns[key + 1] == {}
    kept = [name for name in MetricPoint.model_fields if name != "cost"]
    assert columns[key] == {
        name: (getattr(measured, name), getattr(point(3), name)) for name in kept
    }


def test_trials_come_in_pages_by_number(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    plane_on_both.submit()
    with SqlUnits(plane_on_both.engine).read() as unit:
        every = unit.trials.of(comparison_id)
        first = unit.trials.page(comparison_id, after=-1, limit=3)
        rest = unit.trials.page(comparison_id, after=first[-1].number, limit=3)
        none = unit.trials.page(comparison_id, after=rest[-1].number, limit=3)
    assert (*first, *rest) == every
    assert (len(first), none) == (3, ())


def test_one_of_many_claims_wins(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    queue = plane_on_both.service.queue
    study = queue.queued()[0]
    barrier = threading.Barrier(4)
    won: list[int] = []

    def claim() -> None:
        barrier.wait()
        claimed = queue.claim(study)
        if claimed is not None:
            won.append(claimed.attempt)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won == [1]
    assert plane_on_both.states(comparison_id)[0] == StudyState.SUBMITTED


def test_many_writers_number_their_changes_without_a_gap(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    plane.cluster.nodes = (Node(cpus=64, gpus=0),)
    comparison_id = plane.submit(tuning={"trials": 8})
    plane.tick()
    drivers = [plane.driver(request.submission_id) for request in plane.cluster.requests]
    assert len(drivers) == 2

    def drive(driver: FakeDriver) -> None:
        for trial in driver.assignment.trials:
            driver.send(*driver.trial(trial.trial_id))
            driver.beat()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(drive, drivers))  # raises what a driver raised
    changes = plane.service.comparisons.changes(comparison_id)
    assert [change.number for change in changes] == list(range(1, len(changes) + 1))
    assert sum(change.after == "finished" for change in changes) == 16


def test_a_request_key_is_taken_once(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    request = RememberedRequest("digest", comparison_id)
    with SqlUnits(plane.engine).write() as unit:
        assert unit.requests.add(PERSON.key_id, "k", request, at=plane.clock.now())
        assert not unit.requests.add(PERSON.key_id, "k", request, at=plane.clock.now())
        assert unit.requests.add("another-key", "k", request, at=plane.clock.now())
        assert unit.requests.get(PERSON.key_id, "k") == request
        assert unit.requests.get(PERSON.key_id, "other") is None


def test_a_request_of_no_comparison_is_refused(engine: Engine) -> None:
    request = RememberedRequest("digest", "nowhere")
    with pytest.raises(IntegrityError), SqlUnits(engine).write() as unit:
        assert unit.requests.add("key", "k", request, at=datetime(2026, 1, 1, tzinfo=UTC))


def test_the_snapshot_of_the_cluster_is_the_latest(plane_on_both: ControlPlane) -> None:
    units = SqlUnits(plane_on_both.engine)
    now = plane_on_both.clock.now()
    first = Capacity(at=now, reachable=False, message="away")
    second = Capacity(at=now, reachable=True, nodes=(Node(2, 0), Node(8, 1)))
    for snapshot in (first, second):
        with units.write() as unit:
            unit.cluster.put(snapshot)
    with units.read() as unit:
        assert unit.cluster.get() == second
    assert (second.cpus, second.gpus) == (10, 1)


def test_points_of_no_trial_are_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), SqlUnits(engine).write() as unit:
        unit.points.upsert(1, [(12345, point(1))])


def test_readers_do_not_wait_for_a_writer(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    units = SqlUnits(plane.engine)
    with units.write() as unit:
        unit.comparisons.set_verdict(comparison_id, "soon")
        assert plane.service.comparisons.get(comparison_id).verdict is None
    assert plane.service.comparisons.get(comparison_id).verdict == "soon"


def test_sqlite_is_set_up_for_several_processes(plane: ControlPlane) -> None:
    with plane.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 15_000


@pytest.mark.postgres
def test_a_lost_connection_is_no_fault_of_the_request(
    postgres: str, postgres_template: str
) -> None:
    engine = open_engine(postgres_database(postgres, template=postgres_template))
    units = SqlUnits(engine)
    with pytest.raises(StorageUnavailable, match="terminating connection"), units.write() as unit:
        unit.comparisons.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with units.read() as unit:
        assert unit.comparisons.get("nowhere") is None
    engine.dispose()


@pytest.mark.postgres
def test_a_point_that_postgres_cannot_hold_is_no_fault_of_the_connection(
    postgres: str, postgres_template: str
) -> None:
    engine = open_engine(postgres_database(postgres, template=postgres_template))
    too_far = point(1).model_copy(update={"step": 2**40})
    with pytest.raises(DataError), SqlUnits(engine).write() as unit:
        unit.points.upsert(1, [(1, too_far)])
    engine.dispose()


@pytest.mark.postgres
def test_a_claim_passes_over_a_comparison_that_is_held(
    postgres: str, postgres_template: str
) -> None:
    engine = open_engine(postgres_database(postgres, template=postgres_template))
    units = SqlUnits(engine)
    with units.write() as unit:
        unit.comparisons.add(a_comparison())
    with units.write() as first, units.write() as second:
        assert first.comparisons.lock("a") is not None
        assert second.comparisons.lock("a", wait=False) is None
    engine.dispose()


def a_comparison() -> ComparisonRecord:
    return ComparisonRecord(
        id="a",
        name="a",
        state=ComparisonState.QUEUED,
        reason="",
        owner="ada",
        owner_key="ada-key",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        started_at=None,
        ended_at=None,
        last_change=0,
        verdict=None,
        spec=a_spec(),
        seeds=Seeds(tuning=1, finals=(2,)),
    )
