"""A comparison of which nothing is left to run but what is paused, and what wakes it."""

import pytest

from service.contracts.states import ComparisonState, StudyKind
from service.db.unit_of_work import SqlUnits
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


def attempts(plane: ControlPlane, study_id: str) -> tuple[int, int]:
    """The study's attempts, and how many of them spent nothing."""
    with SqlUnits(plane.engine).read() as unit:
        study = unit.studies.get(study_id)
        assert study is not None
        return study.attempt, study.excused


def test_however_many_trials_are_resumed_in_an_attempt_it_alone_is_excused(
    plane: ControlPlane,
) -> None:
    plane.submit(contenders=[{"optimizer": "adam"}], tuning={"trials": 4})
    plane.tick()
    driver = plane.driver()
    first, *others = (trial.trial_id for trial in driver.assignment.trials)
    driver.send(driver.started(first))
    for trial_id in others:
        plane.service.control.pause_trial(trial_id, actor=PERSON)
        plane.service.control.resume_trial(trial_id, actor=PERSON)
    assert attempts(plane, driver.study_id) == (1, 0)
    driver.send(*driver.trial(first), driver.done())
    plane.tick()
    assert attempts(plane, driver.study_id) == (2, 1)


def test_a_trial_that_is_held_until_the_others_have_ended_spends_no_attempt(
    plane: ControlPlane,
) -> None:
    plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    driver = plane.driver()
    held, other = (trial.trial_id for trial in driver.assignment.trials)
    plane.service.control.pause_trial(held, actor=PERSON)
    driver.send(*driver.trial(other), driver.done())
    plane.service.control.resume_trial(held, actor=PERSON)
    plane.tick()
    assert attempts(plane, driver.study_id) == (2, 1)


def test_an_attempt_that_lost_a_trial_is_spent_whatever_was_resumed_in_it(
    plane: ControlPlane,
) -> None:
    plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    driver = plane.driver()
    lost, held = (trial.trial_id for trial in driver.assignment.trials)
    driver.send(driver.started(lost))
    plane.service.control.pause_trial(held, actor=PERSON)
    plane.service.control.resume_trial(held, actor=PERSON)
    driver.send(driver.done())
    plane.tick()
    assert attempts(plane, driver.study_id) == (2, 0)
