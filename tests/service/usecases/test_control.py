"""What people do to a comparison that waits or runs: to all of it, one contender, one trial."""

from collections.abc import Callable

import pytest

from service.contracts.events import Heartbeat, TrialPoint
from service.contracts.states import ComparisonState, StudyKind, StudyState, TrialState
from service.contracts.views import TrialView
from service.domain.errors import Forbidden, NotFound, TransitionRefused
from service.domain.records import Actor, Role
from tests.support.control_plane import PERSON, ControlPlane, FakeDriver, point

STRANGER = Actor("bob", Role.SUBMITTER, "bob-key")


def begun(plane: ControlPlane, **fields: object) -> tuple[str, FakeDriver]:
    """A comparison whose first study has a driver, with its first trial after one epoch."""
    comparison_id = plane.submit(**fields)
    plane.tick()
    driver = plane.driver()
    trial = driver.assignment.trials[0].trial_id
    driver.send(driver.started(trial), TrialPoint(trial_id=trial, point=point(1)))
    return comparison_id, driver


def trials(plane: ControlPlane, comparison_id: str) -> list[str]:
    """The trials' states by number."""
    return [trial.state.value for trial in plane.service.trials.of(comparison_id)]


def named(driver: FakeDriver, index: int = 0) -> str:
    return driver.assignment.trials[index].trial_id


def told_to_stop(plane: ControlPlane, driver: FakeDriver) -> tuple[tuple[str, ...], ...]:
    beat = Heartbeat(attempt=driver.assignment.attempt)
    reply = plane.service.studies.heartbeat(driver.study_id, beat)
    return reply.cancel, reply.pause


def run_to_the_end(plane: ControlPlane, comparison_id: str) -> None:
    for _ in range(10):
        plane.tick()
        if plane.service.comparisons.get(comparison_id).ended_at is not None:
            return
        plane.driver().run()


def test_a_cancelled_contender_drops_out_and_the_others_go_on(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id, driver = begun(plane, baseline="adam")
    view = plane.service.control.cancel(comparison_id, actor=PERSON, contender="kbfgs")
    assert view.state is ComparisonState.RUNNING
    assert [entry.cancelled for entry in view.contenders] == [True, False]
    assert trials(plane, comparison_id) == ["cancelled", "cancelled", "queued", "queued"]
    assert plane.states(comparison_id) == ["cancelling", "queued"]
    plane.tick()
    assert plane.cluster.stopped == [f"study-{driver.study_id}-1"], "its CPUs are free at once"
    run_to_the_end(plane, comparison_id)
    view = plane.service.comparisons.get(comparison_id)
    assert (view.state, view.progress) == (ComparisonState.FINISHED, 1)
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    assert {trial.contender for trial in finals} == {"adam"}
    (problem,) = plane.service.reports.report(comparison_id).problems
    assert "K-BFGS was cancelled" in problem.sentence
    assert "K-BFGS was cancelled and takes no part in the verdict" in problem.warnings


def test_a_contender_cancelled_after_its_search_has_no_finals(plane: ControlPlane) -> None:
    comparison_id = plane.submit(baseline="kbfgs")
    plane.tick()
    plane.driver().run()
    plane.service.control.cancel(comparison_id, actor=PERSON, contender="kbfgs")
    run_to_the_end(plane, comparison_id)
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    assert {trial.contender for trial in finals} == {"adam"}
    (problem,) = plane.service.reports.report(comparison_id).problems
    assert any("nothing is measured against the baseline" in line for line in problem.warnings)


def test_a_contender_cancelled_in_the_finals_takes_no_part_in_the_verdict(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit()
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    plane.tick()
    driver = plane.driver()
    driver.send(*driver.trial(named(driver, 0)), *driver.trial(named(driver, 1)))
    plane.service.control.cancel(comparison_id, actor=PERSON, contender="kbfgs")
    (last,) = told_to_stop(plane, driver)[0]
    assert last.endswith("t7"), "of kbfgs that trial alone was left"
    driver.send(*driver.trial(named(driver, 2)), driver.done())
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.FINISHED
    (problem,) = plane.service.reports.report(comparison_id).problems
    assert problem.pairs == ()


def test_the_last_contender_takes_the_comparison_with_it(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    for name in ("kbfgs", "adam"):
        view = plane.service.control.cancel(comparison_id, actor=PERSON, contender=name)
    assert (view.state, view.reason) == (ComparisonState.CANCELLED, "cancelled by ada")


def test_a_cancelled_trial_ends_alone_and_what_it_still_says_is_void(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    first, second = named(driver, 0), named(driver, 1)
    view = plane.service.control.cancel_trial(first, actor=PERSON)
    assert (view.state, view.message) == (TrialState.CANCELLED, "cancelled by ada")
    assert told_to_stop(plane, driver) == ((first,), ())
    driver.send(TrialPoint(trial_id=first, point=point(2)), driver.ended(first))
    driver.send(*driver.trial(second), driver.done())
    assert trials(plane, comparison_id)[:2] == ["cancelled", "finished"]
    assert plane.service.trials.of(comparison_id)[0].epochs_done == 1
    assert plane.states(comparison_id)[0] == "finished"


def test_a_waiting_trial_that_is_cancelled_may_still_be_started_by_a_driver_that_knows_nothing(
    plane: ControlPlane,
) -> None:
    comparison_id, driver = begun(plane)
    waiting = named(driver, 1)
    plane.service.control.cancel_trial(waiting, actor=PERSON)
    driver.send(driver.started(waiting), TrialPoint(trial_id=waiting, point=point(1)))
    assert trials(plane, comparison_id)[1] == "cancelled"


def test_a_paused_comparison_frees_the_cluster_and_goes_on_where_it_stopped(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    comparison_id, driver = begun(plane)
    other = plane.submit()
    view = plane.service.control.pause(comparison_id, actor=PERSON)
    assert (view.state, view.reason) == (ComparisonState.PAUSED, "paused by ada")
    assert plane.states(comparison_id) == ["pausing", "paused"]
    plane.tick()
    plane.tick()
    assert plane.states(comparison_id) == ["paused", "paused"]
    assert plane.driver().assignment.comparison_id == other, "the next one has the cluster"
    plane.wait(100)
    assert plane.states(comparison_id) == ["paused", "paused"]
    plane.service.control.cancel(other, actor=PERSON)
    view = plane.service.control.resume(comparison_id, actor=PERSON)
    assert (view.state, view.reason) == (ComparisonState.RUNNING, "")
    plane.wait(3)
    again = plane.driver()
    assert (again.study_id, again.assignment.attempt) == (driver.study_id, 2)
    again.send(*again.trial(named(again), resumed=1))
    run_to_the_end(plane, comparison_id)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED


def test_a_comparison_that_waits_is_paused_and_waits_again(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.service.control.pause(comparison_id, actor=PERSON)
    plane.wait(3)
    assert not plane.cluster.requests
    view = plane.service.control.resume(comparison_id, actor=PERSON)
    assert view.state is ComparisonState.QUEUED
    plane.tick()
    assert plane.cluster.requests


def test_no_finals_begin_in_a_pause(plane: ControlPlane) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    driver = plane.driver()
    for trial in driver.assignment.trials:
        driver.send(*driver.trial(trial.trial_id))
    plane.service.control.pause(comparison_id, actor=PERSON)
    driver.send(driver.done())
    plane.wait(3)
    assert plane.states(comparison_id) == ["finished"]
    plane.service.control.resume(comparison_id, actor=PERSON)
    plane.tick()
    assert plane.states(comparison_id) == ["finished", "submitted"]


def test_pauses_spend_no_attempts(plane: ControlPlane) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}])
    for _ in range(25):
        plane.tick()
        plane.driver().beat()
        plane.service.control.pause(comparison_id, actor=PERSON)
        plane.tick()
        plane.tick()
        plane.service.control.resume(comparison_id, actor=PERSON)
    plane.tick()
    driver = plane.driver()
    assert driver.assignment.attempt == 26
    plane.cluster.kill(f"study-{driver.study_id}-26")
    plane.wait(5)
    assert plane.states(comparison_id) == ["submitted"], "one loss is put up with"


def test_resumed_before_it_has_stopped_it_starts_over_once_it_has(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    plane.service.control.pause(comparison_id, actor=PERSON)
    view = plane.service.control.resume(comparison_id, actor=PERSON)
    assert view.state is ComparisonState.RUNNING
    assert plane.states(comparison_id) == ["pausing", "queued"]
    plane.wait(2)
    assert plane.driver().assignment.attempt == 2
    assert plane.states(comparison_id) == ["submitted", "queued"]
    assert driver.assignment.attempt == 1


def test_a_dispatcher_that_died_in_between_ends_what_was_to_be_paused(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    plane.service.control.pause(comparison_id, actor=PERSON)
    plane.restart_dispatcher()
    plane.wait(2)
    assert plane.cluster.stopped == [f"study-{driver.study_id}-1"]
    assert plane.states(comparison_id) == ["paused", "paused"]


def test_a_paused_trial_waits_while_its_study_goes_on_without_it(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane, contenders=[{"optimizer": "adam"}])
    held, other = named(driver, 0), named(driver, 1)
    view = plane.service.control.pause_trial(held, actor=PERSON)
    assert view.state is TrialState.PAUSED
    assert told_to_stop(plane, driver) == ((), (held,))
    driver.send(*driver.trial(other), driver.done())
    assert plane.states(comparison_id) == ["paused"]
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.PAUSED
    plane.service.control.resume_trial(held, actor=PERSON)
    plane.tick()
    again = plane.driver()
    assert [trial.trial_id for trial in again.assignment.trials] == [held]
    run_to_the_end(plane, comparison_id)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED


def test_a_trial_resumed_while_its_study_runs_waits_for_the_next_attempt(
    plane: ControlPlane,
) -> None:
    comparison_id, driver = begun(plane)
    held, other = named(driver, 0), named(driver, 1)
    plane.service.control.pause_trial(held, actor=PERSON)
    plane.service.control.resume_trial(held, actor=PERSON)
    driver.send(TrialPoint(trial_id=held, point=point(2)), driver.ended(held))
    assert trials(plane, comparison_id)[0] == "queued", "its process was told to stop"
    driver.send(*driver.trial(other), driver.done())
    assert plane.states(comparison_id)[0] == "queued"


def test_a_paused_contender_holds_its_finals_back(plane: ControlPlane) -> None:
    comparison_id, _ = begun(plane)
    view = plane.service.control.pause(comparison_id, actor=PERSON, contender="kbfgs")
    assert [entry.paused for entry in view.contenders] == [2, 0]
    plane.tick()
    plane.tick()
    plane.driver().run()
    plane.wait(3)
    assert plane.states(comparison_id) == ["paused", "finished"]
    plane.service.control.resume(comparison_id, actor=PERSON, contender="kbfgs")
    run_to_the_end(plane, comparison_id)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED


def test_a_paused_comparison_can_be_cancelled(plane: ControlPlane) -> None:
    comparison_id, _ = begun(plane)
    plane.service.control.pause(comparison_id, actor=PERSON)
    plane.service.control.cancel(comparison_id, actor=PERSON)
    plane.wait(2)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.CANCELLED
    assert plane.states(comparison_id) == ["cancelled", "cancelled"]


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
@pytest.mark.parametrize("contender", [None, "adam"])
def test_a_wish_may_be_repeated(plane: ControlPlane, verb: str, contender: str | None) -> None:
    comparison_id, _ = begun(plane)
    wish: Callable[..., object] = getattr(plane.service.control, verb)
    wish(comparison_id, actor=PERSON, contender=contender)
    before = plane.service.comparisons.changes(comparison_id)
    wish(comparison_id, actor=PERSON, contender=contender)
    assert plane.service.comparisons.changes(comparison_id) == before


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_a_wish_for_a_trial_may_be_repeated(plane: ControlPlane, verb: str) -> None:
    _, driver = begun(plane)
    wish: Callable[..., TrialView] = getattr(plane.service.control, f"{verb}_trial")
    assert wish(named(driver), actor=PERSON) == wish(named(driver), actor=PERSON)


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_what_has_ended_is_left_as_it_is(plane: ControlPlane, verb: str) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    control = plane.service.control
    before = plane.service.comparisons.changes(comparison_id)
    for contender in (None, "adam"):
        with pytest.raises(TransitionRefused, match="finished"):
            getattr(control, verb)(comparison_id, actor=PERSON, contender=contender)
    with pytest.raises(TransitionRefused, match="finished"):
        getattr(control, f"{verb}_trial")(f"{comparison_id}-t0", actor=PERSON)
    assert plane.service.comparisons.changes(comparison_id) == before


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume"])
def test_others_may_do_nothing_and_nothing_is_done_to_what_is_not_there(
    plane: ControlPlane, verb: str
) -> None:
    comparison_id, driver = begun(plane)
    whole = getattr(plane.service.control, verb)
    one = getattr(plane.service.control, f"{verb}_trial")
    for refused in (
        lambda: whole(comparison_id, actor=STRANGER),
        lambda: whole(comparison_id, actor=STRANGER, contender="adam"),
        lambda: one(named(driver), actor=STRANGER),
    ):
        with pytest.raises(Forbidden, match="'ada'"):
            refused()
    for unknown in (
        lambda: whole("nowhere", actor=PERSON),
        lambda: whole(comparison_id, actor=PERSON, contender="sgd"),
        lambda: one(f"{comparison_id}-t999", actor=PERSON),
        lambda: one("nothing", actor=PERSON),
    ):
        with pytest.raises(NotFound):
            unknown()
    assert plane.states(comparison_id) == ["running", "queued"]


def test_every_wish_is_in_the_audit_trail_with_its_name(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    plane.service.control.pause_trial(named(driver), actor=PERSON)
    plane.service.control.cancel(comparison_id, actor=PERSON, contender="adam")
    changes = plane.service.comparisons.changes(comparison_id)
    by_ada = [(one.subject, one.after, one.reason) for one in changes if one.actor == "ada"]
    assert ("trial", "paused", "paused by ada") in by_ada
    assert ("comparison", "running", "contender adam cancelled by ada") in by_ada
    assert ("study", StudyState.CANCELLED, "cancelled by ada") in by_ada
