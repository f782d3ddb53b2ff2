"""What people and drivers ask for again and again finds its rows by an index, on both databases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from service.contracts.events import TrialPoint
from service.contracts.forms import DataForm
from service.db.models import Base
from service.domain.ordering import COMPARISONS_BY, By, cursor_at, settled
from tests.support.control_plane import ControlPlane, point

PRIORITY = (By("priority", descending=True),)
TABLES = frozenset(Base.metadata.tables)
ASKED: dict[str, Callable[[ControlPlane, str], object]] = {
    "list": lambda plane, _: plane.service.comparisons.page(limit=2),
    "list by name": lambda plane, _: plane.service.comparisons.page(limit=2, order=(By("name"),)),
    "its next page": lambda plane, _: plane.service.comparisons.page(
        limit=2, order=PRIORITY, cursor=cursor_at((3, 7), settled(PRIORITY))
    ),
    "get": lambda plane, one: plane.service.comparisons.get(one),
    "studies": lambda plane, one: plane.service.comparisons.studies(one),
    "trials": lambda plane, one: plane.service.trials.of(one),
    "curves": lambda plane, one: plane.service.trials.series(one),
    "thinned curves": lambda plane, one: plane.service.trials.series(one, points=2),
    "export": lambda plane, one: list(plane.service.exports.data(one, DataForm.CSV).pieces),
    "changes": lambda plane, one: plane.service.comparisons.changes(one, after=1),
    "last steps": lambda plane, one: plane.service.comparisons.last_steps(one),
    "log": lambda plane, one: plane.service.logs.page(one),
    "what ends soon": lambda plane, _: plane.service.queue.ending(
        plane.service.queue.live(), within=5
    ),
}


@contextmanager
def statements(engine: Engine) -> Iterator[list[tuple[str, object]]]:
    """What is asked of the database meanwhile, with its parameters."""
    heard: list[tuple[str, object]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: object, *_: object):
        heard.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    yield heard
    event.remove(engine, "before_cursor_execute", hear)


def scans(engine: Engine, statement: str, parameters: object) -> list[str]:
    """The parts of the plan that read a whole table, though an index could be used."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [row[-1] for row in plan]
            if "LIMIT" in statement and not any("TEMP B-TREE" in step for step in steps):
                return []  # it walks along the primary key, and ends where the page does
            scanned = [step.split() for step in steps if step.startswith("SCAN")]
            return [words[1] for words in scanned if words[1] in TABLES and "USING" not in words]
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return [row[0] for row in plan if "Seq Scan" in row[0]]


@pytest.mark.parametrize("asked", ASKED)
def test_it_reads_no_whole_table(plane_on_both: ControlPlane, asked: str) -> None:
    plane, engine = plane_on_both, plane_on_both.engine
    comparison_id = plane.submit(budget={"epochs": 60})
    plane.tick()
    driver = plane.driver()
    trial = driver.assignment.trials[0].trial_id
    points = [TrialPoint(trial_id=trial, point=point(epoch)) for epoch in range(50)]
    driver.send(driver.started(trial), *points)
    with statements(engine) as heard:
        ASKED[asked](plane, comparison_id)
    selects = [one for one in heard if one[0].lstrip().startswith(("SELECT", "WITH"))]
    assert selects
    assert [scan for one in selects for scan in scans(engine, *one)] == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", COMPARISONS_BY)
def test_a_list_by_one_field_is_read_in_its_order(
    plane: ControlPlane, field: str, descending: bool
) -> None:
    with statements(plane.engine) as heard:
        plane.service.comparisons.page(limit=2, order=(By(field, descending=descending),))
    with plane.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {heard[0][0]}", heard[0][1])
        assert "TEMP B-TREE" not in " ".join(row[-1] for row in plan)


def test_lists_count_trials_in_an_index_alone(plane: ControlPlane) -> None:
    plane.submit()
    with statements(plane.engine) as heard:
        plane.service.comparisons.page(limit=2)
    (tally,) = (one for one in heard if "sum(trials.epochs_done)" in one[0])
    with plane.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {tally[0]}", tally[1])
        steps = [row[-1] for row in plan]
    assert steps == ["SEARCH trials USING COVERING INDEX ix_trials_tally (comparison_id=?)"]
