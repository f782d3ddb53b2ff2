"""The next search's driver starts while the last trials of the one before end, and never else."""

import math
from typing import Any

import pytest

from service.contracts.events import TrialPoint
from service.contracts.extension import Extension
from service.contracts.states import StudyKind, TrialState
from service.dispatch.admission import admit
from service.domain.records import UnfinishedTrial
from tests.support.control_plane import PERSON, ControlPlane, FakeDriver, point, run_to_the_end
from tests.support.queues import a_cluster, a_study

EPOCHS = 3
SHORT, LONG = 2.0, 60.0
"""Seconds of an epoch of which one more is within a driver's start, and one that is not."""


def studies(plane: ControlPlane, comparison_id: str) -> list[str]:
    """Which of a comparison's studies were submitted, in their order."""
    names = [request.submission_id.split("-") for request in plane.cluster.requests]
    return [study for _, name, study, _ in names if name == comparison_id]


def train(driver: FakeDriver, epochs: int, *, seconds: float = SHORT, trials: int = 2) -> None:
    """Start so many trials, and tell their first epochs."""
    for trial in driver.assignment.trials[:trials]:
        name = trial.trial_id
        points = [point(epoch, seconds=seconds / 2) for epoch in range(epochs + 1)]
        told = [TrialPoint(trial_id=name, point=each) for each in points]
        driver.send(driver.started(name), *told)


def begun(plane: ControlPlane, **fields: Any) -> tuple[str, FakeDriver]:
    """A comparison with its first search submitted."""
    comparison_id = plane.submit(budget={"epochs": EPOCHS}, **fields)
    plane.tick()
    return comparison_id, plane.driver()


def test_it_starts_in_the_last_seconds_and_not_before(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    for epochs, started in ((0, ["s0"]), (1, ["s0", "s1"])):
        train(driver, epochs)
        plane.tick()
        assert studies(plane, comparison_id) == started, f"{epochs} of {EPOCHS} epochs done"


@pytest.mark.parametrize(
    ("fields", "seconds", "trials"),
    [
        ({}, LONG, 2),
        ({}, SHORT, 1),
        ({"workers": 2}, SHORT, 2),
        ({"tuning": {"trials": 2, "worker_seconds": 1000}}, SHORT, 2),
    ],
    ids=["too far", "one has not begun", "several workers", "worker-seconds"],
)
def test_it_waits_otherwise(
    plane: ControlPlane, fields: dict[str, Any], seconds: float, trials: int
) -> None:
    comparison_id, driver = begun(plane, **fields)
    train(driver, EPOCHS - 1, seconds=seconds, trials=trials)
    plane.tick()
    assert studies(plane, comparison_id) == ["s0"]


def test_a_search_that_has_a_paused_trial_is_not_about_to_end(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane)
    train(driver, EPOCHS - 1)
    plane.service.control.pause_trial(driver.assignment.trials[0].trial_id, actor=PERSON)
    plane.tick()
    assert studies(plane, comparison_id) == ["s0"]


def test_what_an_extension_adds_has_not_begun(plane: ControlPlane) -> None:
    comparison_id, _ = begun(plane)
    plane.driver().run()
    run_to_the_end(plane, comparison_id)
    plane.service.control.extend(comparison_id, Extension(epochs=EPOCHS + 1), actor=PERSON)
    plane.tick()
    submitted = len(plane.cluster.requests)
    plane.driver().beat()
    plane.wait(3)
    assert len(plane.cluster.requests) == submitted


def test_another_comparison_waits_so_that_finals_go_first(plane: ControlPlane) -> None:
    first, driver = begun(plane, contenders=[{"optimizer": "adam"}], priority=1)
    second = plane.submit()
    train(driver, EPOCHS - 1)
    plane.tick()
    assert studies(plane, second) == []
    driver.run()
    plane.tick()
    assert (studies(plane, first), studies(plane, second)) == (["s0", "s1"], [])


def test_one_whose_driver_died_begins_again(plane: ControlPlane) -> None:
    comparison_id, driver = begun(plane, contenders=[{"optimizer": "adam"}])
    train(driver, EPOCHS - 1)
    plane.cluster.kill(plane.cluster.requests[0].submission_id)
    plane.wait(5)
    assert studies(plane, comparison_id) == ["s0", "s0"]


@pytest.mark.parametrize("comparison", ["a", "b"])
@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize("kind", StudyKind)
def test_only_a_search_follows_one_that_ends_and_only_in_its_comparison(
    comparison: str, ends: bool, kind: StudyKind
) -> None:
    before, after = a_study(0), a_study(1, comparison=comparison, kind=kind)
    admission = admit([after], [before], a_cluster(2), ending=[before.id] if ends else [])
    assert bool(admission.admitted) is (comparison == "a" and ends and kind is StudyKind.TUNING)


def test_at_most_as_much_starts_ahead_as_the_cluster_holds() -> None:
    before, *following = (a_study(number) for number in range(4))
    admission = admit(following, [before], a_cluster(2), ending=[before.id])
    assert list(admission.admitted) == following[:1]


def a_trial(
    *, epochs: int, seconds: float | None, state: TrialState = TrialState.RUNNING
) -> UnfinishedTrial:
    return UnfinishedTrial("s", state, 2, epochs, seconds)


@pytest.mark.parametrize(
    ("trial", "left"),
    [
        (a_trial(epochs=4, seconds=8.0), 12.0),
        (a_trial(epochs=10, seconds=8.0), 0.0),
        (a_trial(epochs=0, seconds=8.0), math.inf),
        (a_trial(epochs=4, seconds=None), math.inf),
    ],
)
def test_what_is_left_follows_from_the_pace(trial: UnfinishedTrial, left: float) -> None:
    assert trial.seconds_left(10) == left


def test_a_trial_runs_in_the_attempt_that_started_it() -> None:
    running = a_trial(epochs=1, seconds=1.0)
    assert (running.runs_in(2), running.runs_in(3)) == (True, False)
    assert not a_trial(epochs=1, seconds=1.0, state=TrialState.PAUSED).runs_in(2)
