"""What people see of the cluster: machines, how old that is, what runs, what waits and why."""

from service.contracts.states import StudyState
from service.domain.records import Node
from tests.support.control_plane import ControlPlane


def test_before_a_dispatcher_looked_nothing_is_known(plane: ControlPlane) -> None:
    view = plane.service.cluster.view()
    assert (view.measured_at, view.age_seconds, view.reachable) == (None, None, False)
    assert view.message == "no dispatcher has looked at it yet"


def test_machines_are_shown_with_what_is_free(plane: ControlPlane) -> None:
    first = Node(4, 1, id="a", name="10.0.0.1", free_cpus=3, free_gpus=0.5)
    second = Node(2, 0, id="b", name="10.0.0.2", free_cpus=2, free_gpus=0)
    plane.cluster.nodes = (first, second)
    plane.tick()
    view = plane.service.cluster.view()
    assert [node.name for node in view.nodes] == ["10.0.0.1", "10.0.0.2"]
    assert (view.cpus, view.gpus, view.free_cpus, view.free_gpus) == (6, 1, 5, 0.5)


def test_what_one_machine_does_not_say_is_not_summed(plane: ControlPlane) -> None:
    plane.cluster.nodes = (Node(4, 0, free_cpus=3), Node(2, 0))
    plane.tick()
    assert plane.service.cluster.view().free_cpus is None


def test_the_snapshot_is_taken_every_five_seconds_and_ages(plane: ControlPlane) -> None:
    plane.tick()
    plane.clock.advance(4)
    assert plane.service.cluster.view().age_seconds == 4
    plane.wait(20)
    assert (plane.service.cluster.view().age_seconds or 0) <= 5
    plane.clock.advance(60)
    assert plane.service.cluster.view().stale, "the dispatcher is gone"


def test_a_cluster_that_is_away_is_told_with_the_reason_and_stays_fresh(
    plane: ControlPlane,
) -> None:
    plane.tick()
    plane.cluster.away = True
    plane.wait(20)
    view = plane.service.cluster.view()
    assert (view.reachable, view.message, view.nodes) == (False, "the cluster is away", ())
    assert (view.age_seconds or 0) <= 5


def test_the_queue_says_what_runs_and_why_the_rest_waits(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    view = plane.service.cluster.view()
    (running,) = view.running
    (waiting,) = view.waiting
    assert (running.comparison_id, running.comparison) == (comparison_id, "two against each other")
    assert running.state is StudyState.SUBMITTED
    assert waiting.reason == "waiting for the studies that run now"
    assert (waiting.trials, waiting.workers, waiting.cpus, waiting.gpus) == (2, 1, 1, 0)
    assert view.waiting_in_all == 1
