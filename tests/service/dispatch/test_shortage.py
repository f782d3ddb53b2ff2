"""Comparisons that need more than the cluster has: refused at once, or visibly waiting."""

from service.contracts.states import ComparisonState, TrialState
from service.domain.records import Node
from tests.support.control_plane import ControlPlane


def test_a_study_that_can_never_fit_waits_with_the_reason_and_holds_back_nobody(
    plane: ControlPlane,
) -> None:
    big = plane.submit(resources={"cpus": 4}, if_short="wait")
    small = plane.submit()
    plane.tick()
    assert plane.driver().assignment.comparison_id == small
    reason = plane.service.comparisons.studies(big)[0].reason
    assert reason.startswith(
        "waiting for a larger machine: each trial needs 4 CPUs on one machine; the largest there"
    )
    plane.cluster.nodes = (Node(2, 0), Node(8, 0))
    plane.wait(6)
    assert plane.driver().assignment.comparison_id == big


def test_a_comparison_that_asks_for_more_than_a_whole_cluster_has_is_refused(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit(resources={"cpus": 4, "gpus": 1})
    plane.cluster.nodes = ()
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.QUEUED
    plane.cluster.nodes = (Node(2, 0), Node(3, 0))
    plane.wait(40)
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.FAILED
    assert view.reason == (
        "each trial needs 4 CPUs and 1 GPUs on one machine; the largest there is has 3 CPUs and "
        "0 GPUs; with `if_short: wait` in its spec it would wait for a larger one"
    )
    assert plane.states(comparison_id) == ["cancelled", "cancelled"]
    trials = plane.service.trials.of(comparison_id)
    assert {trial.state for trial in trials} == {TrialState.CANCELLED}


def test_machines_that_join_one_after_another_refuse_nothing_meanwhile(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit(resources={"cpus": 4})
    plane.cluster.nodes = (Node(2, 0, id="a"),)
    plane.wait(20)
    reason = plane.service.comparisons.studies(comparison_id)[0].reason
    assert reason.startswith("waiting for a larger machine: each trial needs 4 CPUs")
    plane.cluster.nodes = (Node(2, 0, id="a"), Node(2, 0, id="b"))
    plane.wait(20)
    plane.cluster.nodes = (Node(2, 0, id="a"), Node(2, 0, id="b"), Node(4, 0, id="c"))
    plane.wait(6)
    assert plane.driver().assignment.comparison_id == comparison_id


def test_a_cluster_that_stays_as_it_is_refuses_at_once(plane: ControlPlane) -> None:
    plane.wait(40)
    comparison_id = plane.submit(resources={"cpus": 4})
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FAILED


def test_a_comparison_that_has_begun_waits_for_a_machine_that_went_away(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit(resources={"cpus": 2})
    plane.tick()
    plane.cluster.nodes = (Node(1, 0),)
    plane.wait(6)
    plane.driver().run()
    plane.tick()
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.RUNNING
    waiting = plane.service.comparisons.studies(comparison_id)[1]
    assert waiting.reason.startswith("waiting for a larger machine: each trial needs 2 CPUs")
    plane.cluster.nodes = (Node(2, 0),)
    plane.wait(6)
    assert plane.states(comparison_id) == ["finished", "submitted"]
