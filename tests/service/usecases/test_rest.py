"""A comparison of which nothing is left to run but what is paused, and what wakes it."""

import pytest

from service.contracts.states import ComparisonState, StudyKind
from tests.support.control_plane import PERSON, ControlPlane


def resting(plane: ControlPlane, **fields: object) -> str:
    """A comparison that the service paused: kbfgs is held, adam's searches are over."""
    comparison_id = plane.submit(**fields)
    plane.service.control.pause(comparison_id, actor=PERSON, contender="kbfgs")
    while "queued" in plane.states(comparison_id):
        plane.tick()
        plane.driver().run()
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.PAUSED
    return comparison_id


def finals(plane: ControlPlane, comparison_id: str) -> set[tuple[str, str]]:
    """The problems and contenders that have finals."""
    trials = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    return {(trial.problem, trial.contender) for trial in trials}


@pytest.mark.parametrize("one_by_one", [False, True])
def test_with_what_was_held_cancelled_the_others_go_on(
    plane: ControlPlane, one_by_one: bool
) -> None:
    control, comparison_id = plane.service.control, resting(plane)
    if one_by_one:
        for trial in plane.service.trials.of(comparison_id, contender="kbfgs"):
            control.cancel_trial(trial.id, actor=PERSON)
    else:
        control.cancel(comparison_id, actor=PERSON, contender="kbfgs")
    plane.tick()
    plane.driver().run()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED
    assert finals(plane, comparison_id) == {("mnist-5k-autoencoder", "adam")}


def test_finals_that_can_begin_do_though_another_problem_rests(plane: ControlPlane) -> None:
    problems = ["mnist-5k-autoencoder", "logistic-regression"]
    comparison_id = resting(plane, problems=problems)
    for trial in plane.service.trials.of(comparison_id, contender="kbfgs"):
        if trial.problem == problems[1]:
            plane.service.control.cancel_trial(trial.id, actor=PERSON)
    plane.tick()
    plane.driver().run()
    assert finals(plane, comparison_id) == {("logistic-regression", "adam")}
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.PAUSED


def test_what_a_person_paused_as_a_whole_waits_for_a_person(plane: ControlPlane) -> None:
    control, comparison_id = plane.service.control, plane.submit()
    control.pause(comparison_id, actor=PERSON)
    for trial in plane.service.trials.of(comparison_id):
        control.cancel_trial(trial.id, actor=PERSON)
    plane.wait(2)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.PAUSED
