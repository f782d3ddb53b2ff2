"""What a study's start took is kept for its latest attempt and shown with the waiting before it."""

from datetime import timedelta

from api.dashboard.standing import latest_start
from service.contracts.start import StudyStart
from tests.support.control_plane import ControlPlane


def took(plane: ControlPlane, seconds: float) -> StudyStart:
    return StudyStart(
        began_at=plane.clock.now() + timedelta(seconds=seconds),
        imports_seconds=2,
        assignment_seconds=0.5,
        connection_seconds=1,
        actor_seconds=3,
        metric_seconds=1.5,
    )


def test_the_phases_are_shown_from_the_queue_to_the_first_metric(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    plane.tick(4)
    plane.driver().beat(took(plane, 1.25))
    plane.driver().beat(took(plane, 60))  # the first word counts
    study = plane.service.comparisons.studies(comparison_id)[0]
    assert study.start is not None
    assert (study.start.waiting_seconds, study.start.job_seconds) == (4, 1.25)
    assert study.start.total_seconds == 1.25 + 2 + 0.5 + 1 + 3 + 1.5
    assert latest_start([study]) == (
        "The start of the tuning of kbfgs took 9.2 s: Ray's job 1.2 s, imports 2.0 s, "
        "assignment 0.5 s, connection 1.0 s, first process 3.0 s, first metric 1.5 s."
    )


def test_the_next_attempt_starts_anew(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    driver = plane.driver()
    driver.beat(took(plane, 1))
    plane.cluster.kill(f"study-{driver.study_id}-1")
    plane.wait(5)
    assert plane.service.comparisons.studies(comparison_id)[0].start is None
    plane.driver().beat(took(plane, 2))
    start = plane.service.comparisons.studies(comparison_id)[0].start
    assert start is not None
    assert start.waiting_seconds == 0
