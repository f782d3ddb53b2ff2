"""Several dispatchers on one database: one leads, and nothing is done twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from service.contracts.states import StudyState
from service.db.unit_of_work import SqlUnits
from service.domain.ports import JobRequest, RunnerUnreachable
from service.domain.records import Node, StudyRecord
from tests.support.control_plane import ControlPlane
from tests.support.queues import a_study

STUDIES_EACH = 50


def many_studies(plane: ControlPlane, *, comparisons: int) -> set[str]:
    """Comparisons with 50 queued studies each; the studies' ids."""
    submitted = [plane.submit() for _ in range(comparisons)]
    with SqlUnits(plane.engine).write() as unit:
        for identity in submitted:
            for number in range(len(unit.studies.of(identity)), STUDIES_EACH):
                unit.studies.add(a_study(number, comparison=identity, trials=1))
    queued = {study.id for study in plane.service.queue.queued()}
    assert len(queued) == comparisons * STUDIES_EACH
    return queued


@pytest.mark.parametrize("comparisons", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_many_studies_are_claimed_by_two_at_once_none_twice_none_left(
    plane_on_both: ControlPlane, comparisons: int
) -> None:
    queue = plane_on_both.service.queue
    everything = many_studies(plane_on_both, comparisons=comparisons)
    together = threading.Barrier(2, timeout=60)

    def race(studies: list[StudyRecord]) -> list[tuple[str, int]]:
        won = []
        for study in studies:
            together.wait()
            if one := queue.claim(study):
                won.append((one.id, one.attempt))
        return won

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(race, [list(queue.queued()) for _ in range(2)])
    assert sorted(first + second) == sorted((study, 1) for study in everything)
    assert not list(queue.queued())


def test_one_dispatcher_works_and_the_other_takes_over_when_it_ends(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    other = plane.another_dispatcher("another")
    plane.tick()
    other.tick()
    assert plane.dispatcher.leader.leads()
    assert not other.leader.leads()
    assert plane.states(comparison_id) == ["submitted", "queued"]
    plane.driver().run()
    plane.clock.advance(2)
    other.tick()
    assert plane.states(comparison_id) == ["finished", "queued"], "it is not the other's turn"
    plane.dispatcher.leader.let_go()
    plane.clock.advance(2)
    other.tick()
    assert plane.states(comparison_id) == ["finished", "submitted"]


def test_a_leader_that_dies_in_the_midst_is_followed_and_every_job_is_there_once(
    plane: ControlPlane,
) -> None:
    everything = many_studies(plane, comparisons=4)
    plane.cluster.nodes = (Node(cpus=10_000, gpus=0),)
    first, second = (plane.another_dispatcher(name, lasts=0.2) for name in ("first", "second"))
    submit = plane.cluster.submit

    def die_after_a_while(request: JobRequest) -> None:
        if len(plane.cluster.requests) == len(everything) // 3:
            raise RunnerUnreachable("killed between a claim and its submission")
        submit(request)

    plane.cluster.submit = die_after_a_while  # type: ignore[method-assign]
    first.tick()
    plane.cluster.submit = submit  # type: ignore[method-assign]
    claimed = sum(study.attempt for study in plane.service.queue.live())
    assert claimed == len(plane.cluster.requests) + 1
    while len(plane.cluster.requests) < len(everything):
        plane.clock.advance(1)
        second.tick()
        threading.Event().wait(0.02)
    jobs = [request.submission_id for request in plane.cluster.requests]
    assert sorted(jobs) == sorted(f"study-{study}-1" for study in everything)


def test_who_was_held_up_and_lost_the_lead_claims_nothing(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    plane.submit()
    queue = plane.service.queue
    (study, _) = queue.queued()
    assert queue.lead("first", seconds=60)
    assert not queue.lead("second", seconds=60)
    with plane.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET until = until - 61"))
    assert queue.lead("second", seconds=60)
    assert queue.claim(study, leader="first") is None
    assert queue.queued()[0].state is StudyState.QUEUED
    assert queue.claim(study, leader="second") is not None


def test_a_clock_that_was_set_back_does_not_keep_everybody_out(
    plane_on_both: ControlPlane,
) -> None:
    queue = plane_on_both.service.queue
    assert queue.lead("first", seconds=5)
    with plane_on_both.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET until = until + 3600"))
    assert queue.lead("second", seconds=5)


def test_a_renewed_lead_lasts_as_long_again(plane_on_both: ControlPlane) -> None:
    queue = plane_on_both.service.queue
    assert queue.lead("first", seconds=60)
    with plane_on_both.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET until = until - 59"))
    assert queue.lead("first", seconds=60)
    with plane_on_both.engine.begin() as connection:
        connection.execute(text("UPDATE leases SET until = until - 30"))
    assert not queue.lead("second", seconds=60)
