"""A web that is killed under load: what was accepted is there, and what is lost is found."""

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from benchmarks.service_faults.__main__ import Repetition, table
from benchmarks.service_faults.findings import found
from benchmarks.service_faults.harm import kill_web
from benchmarks.service_faults.kinds import on
from benchmarks.service_faults.load import Load
from tests.support.running_service import wait_for

REPETITION = Repetition(
    kind="web",
    database="sqlite",
    number=0,
    away=(1.0, 2.0, 4.5),
    comparisons=9,
    points=1008,
    attempts=1,
    seconds=30.0,
    load=1.0,
    faults=(),
)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    """What clients were told while the web was killed, and after it."""
    with on("sqlite", tmp_path_factory.mktemp("plant")) as plant:
        load = Load(plant, at_once=1)
        with load.on():
            wait_for(lambda: load.accepted, 20, "something that is accepted")
            (_,) = kill_web(plant, random.Random(0), kills=1)
        yield load


@pytest.mark.process
def test_nothing_that_was_accepted_is_lost_or_doubled_where_the_web_is_killed(load: Load) -> None:
    left = found(load)
    assert left.faults == ()
    assert left.comparisons == len(load.accepted) > 0
    assert left.points > 0


@pytest.mark.process
def test_a_point_that_is_lost_is_found_to_be(load: Load) -> None:
    """The last test here, for it takes something away."""
    with load.plant.service.engine.begin() as connection:
        connection.execute(text("DELETE FROM points WHERE epoch = 7"))
        connection.execute(text("DELETE FROM changes WHERE number = 2"))
    assert set(found(load).faults) == {"points are lost or doubled", "changes are lost"}


def test_what_was_done_is_counted_by_kind_and_database() -> None:
    lost = replace(REPETITION, number=1, away=(3.0,), attempts=2, faults=("changes are lost",))
    elsewhere = replace(REPETITION, database="postgres")
    rows = list(table([REPETITION, lost, elsewhere]))[2:]
    assert rows == [
        "| `kill -9` of the web | sqlite | 4 | 2.5, 4.5 | 18 | 2,016 | 2 | changes are lost |",
        "| `kill -9` of the web | postgres | 3 | 2.0, 4.5 | 9 | 1,008 | 1 | nothing |",
    ]
