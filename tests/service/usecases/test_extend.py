"""A comparison gets more points, more epochs, more seeds; what ran is used again."""

from collections import Counter

import pytest

from service.contracts.extension import Extension
from service.contracts.states import ComparisonState, StudyKind, TrialState
from service.domain.errors import Forbidden, InvalidSpec, TransitionRefused
from service.domain.records import Actor, Role
from tests.support.control_plane import PERSON, ControlPlane, run_to_the_end


def extend(plane: ControlPlane, comparison_id: str, **totals: int) -> ComparisonState:
    extension = Extension.model_validate(totals)
    return plane.service.control.extend(comparison_id, extension, actor=PERSON).state


def shapes(plane: ControlPlane, comparison_id: str) -> Counter[tuple[str, str]]:
    """How many trials there are of each kind and contender."""
    trials = plane.service.trials.of(comparison_id)
    return Counter((trial.kind.value, trial.contender) for trial in trials)


def test_more_seeds_of_a_finished_comparison_run_alone(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    before = plane.service.trials.of(comparison_id)
    assert extend(plane, comparison_id, seeds=3) is ComparisonState.RUNNING
    view = plane.service.comparisons.get(comparison_id)
    assert (view.verdict, view.ended_at, view.spec.seeds) == (None, None, 3)
    assert plane.service.reports.report(comparison_id).status == "interim"
    assert run_to_the_end(plane, comparison_id) == ["t8", "t9"]
    trials = plane.service.trials.of(comparison_id)
    assert trials[: len(before)] == before
    assert len({trial.seed for trial in trials if trial.kind is StudyKind.FINALS}) == 3
    report = plane.service.reports.report(comparison_id)
    assert (report.status, report.seeds) == ("final", 3)
    assert {entry.runs for entry in report.problems[0].contenders} == {3}


@pytest.mark.parametrize("again", [False, True])
def test_an_extension_that_is_cancelled_leaves_the_report_from_before_it(
    plane: ControlPlane, again: bool
) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    before = plane.service.reports.report(comparison_id)
    if again:
        extend(plane, comparison_id, seeds=3)
        run_to_the_end(plane, comparison_id)
        before = plane.service.reports.report(comparison_id)
    extend(plane, comparison_id, epochs=5)
    assert plane.service.reports.report(comparison_id).status == "interim"
    plane.service.control.cancel(comparison_id, actor=PERSON)
    after = plane.service.reports.report(comparison_id)
    assert (after.status, after.problems) == ("final", before.problems)
    mark, *others = after.warnings
    assert "from before the comparison was extended" in mark
    assert mark.endswith("cancelled by ada")
    assert tuple(others) == before.warnings
    assert mark in plane.page(comparison_id)


def test_an_extension_after_a_verdict_is_a_second_look_that_the_report_tells_of(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit()
    extend(plane, comparison_id, seeds=3)
    run_to_the_end(plane, comparison_id)
    warning = "extended after a verdict: no p is corrected for that second look"
    assert warning not in plane.service.reports.report(comparison_id).warnings
    for seeds in (4, 5):
        extend(plane, comparison_id, seeds=seeds)
        assert warning in plane.service.reports.report(comparison_id).warnings
        run_to_the_end(plane, comparison_id)
        assert warning in plane.service.reports.report(comparison_id).warnings


def test_more_points_keep_those_before_and_may_choose_another(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    before = plane.service.trials.of(comparison_id, kind=StudyKind.TUNING, contender="adam")
    extend(plane, comparison_id, trials=4)
    run_to_the_end(plane, comparison_id)
    after = plane.service.trials.of(comparison_id, kind=StudyKind.TUNING, contender="adam")
    assert after[:2] == before
    assert len({str(trial.point) for trial in after}) == 4
    fresh = plane.submit(tuning={"trials": 4})
    planned = plane.service.trials.of(fresh, kind=StudyKind.TUNING, contender="adam")
    assert [trial.point for trial in after] == [trial.point for trial in planned]
    best = min(after, key=lambda trial: trial.final_loss or float("inf"))
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS, contender="adam")
    at_best = [trial for trial in finals if trial.point == best.point]
    assert len({trial.seed for trial in at_best}) == 2
    (problem,) = plane.service.reports.report(comparison_id).problems
    adam = problem.contenders[1]
    assert (adam.settings, adam.runs, adam.tuning.trials) == (best.point, 2, 4)


def test_finals_that_run_later_than_those_they_are_held_against_are_told_of(
    plane: ControlPlane,
) -> None:
    """With so many points adam's search chooses another one, and the other search does not."""
    comparison_id, warning = plane.submit(), "finals that ran later than the others"
    for totals, told in (({}, ""), ({"seeds": 3}, ""), ({"trials": 8}, "on 3 of 3 seeds")):
        if totals:
            extend(plane, comparison_id, **totals)
        run_to_the_end(plane, comparison_id)
        (problem,) = plane.service.reports.report(comparison_id).problems
        assert [line.startswith(told) for line in problem.warnings if warning in line] == (
            [True] if told else []
        )


def test_more_epochs_go_on_with_every_trial(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    first = run_to_the_end(plane, comparison_id)
    extend(plane, comparison_id, epochs=5)
    assert run_to_the_end(plane, comparison_id) == first
    trials = plane.service.trials.of(comparison_id)
    assert {trial.epochs_done for trial in trials} == {5}
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED


def test_a_running_search_starts_anew_with_what_it_has_more(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    driver = plane.driver()
    first = driver.assignment.trials[0].trial_id
    driver.send(*driver.trial(first))
    assert extend(plane, comparison_id, epochs=5, trials=4) is ComparisonState.RUNNING
    assert plane.states(comparison_id) == ["pausing", "queued"]
    plane.wait(2)
    again = plane.driver()
    assert (again.assignment.attempt, again.assignment.epochs) == (2, 5)
    assert next(trial.trial_id for trial in again.assignment.trials) == first
    assert len(again.assignment.trials) == 4
    run_to_the_end(plane, comparison_id)
    assert shapes(plane, comparison_id) == {
        ("tuning", "kbfgs"): 4,
        ("tuning", "adam"): 4,
        ("finals", "kbfgs"): 2,
        ("finals", "adam"): 2,
    }


def test_a_search_whose_last_trial_was_cancelled_goes_on_when_it_is_extended(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit(tuning={"trials": 4})
    plane.tick()
    driver = plane.driver()
    *done, last = (trial.trial_id for trial in driver.assignment.trials)
    for trial_id in done:
        driver.send(*driver.trial(trial_id))
    plane.service.control.cancel_trial(last, actor=PERSON)
    assert plane.states(comparison_id)[0] == "cancelling"
    extend(plane, comparison_id, epochs=5)
    assert plane.states(comparison_id)[0] == "pausing"
    plane.wait(2)
    run_to_the_end(plane, comparison_id)
    first = plane.service.trials.of(comparison_id)[:4]
    states = [(trial.state.value, trial.epochs_done) for trial in first]
    assert states == [("finished", 5)] * 3 + [("cancelled", 0)]


def test_finals_that_run_end_first_and_then_get_what_they_lack(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    plane.tick()
    finals = plane.driver()
    extend(plane, comparison_id, epochs=5, seeds=3)
    assert plane.states(comparison_id)[2] == "submitted"
    finals.run()
    run_to_the_end(plane, comparison_id)
    trials = plane.service.trials.of(comparison_id)
    assert {(trial.state, trial.epochs_done) for trial in trials} == {(TrialState.FINISHED, 5)}
    assert shapes(plane, comparison_id)["finals", "adam"] == 3


def test_two_problems_are_extended_without_two_trials_of_one_number(plane: ControlPlane) -> None:
    problems = ["mnist-5k-autoencoder", "logistic-regression"]
    comparison_id = plane.submit(problems=problems)
    for _ in range(3):
        plane.tick()
        plane.driver().run()
    extend(plane, comparison_id, trials=8, seeds=5)
    run_to_the_end(plane, comparison_id)
    trials = plane.service.trials.of(comparison_id)
    assert len({trial.id for trial in trials}) == len(trials)
    seen = {(t.problem, t.contender, t.seed) for t in trials if t.kind is StudyKind.FINALS}
    assert len(seen) == 2 * 2 * 5


def test_a_cancelled_contender_gets_no_more(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.service.control.cancel(comparison_id, actor=PERSON, contender="kbfgs")
    run_to_the_end(plane, comparison_id)
    extend(plane, comparison_id, trials=4, epochs=5, seeds=3)
    run_to_the_end(plane, comparison_id)
    assert shapes(plane, comparison_id) == {
        ("tuning", "kbfgs"): 2,
        ("tuning", "adam"): 4,
        ("finals", "adam"): 3 if same_point(plane, comparison_id) else 5,
    }


def same_point(plane: ControlPlane, comparison_id: str) -> bool:
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    return len({str(trial.point) for trial in finals}) == 1


def test_the_same_totals_change_nothing(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    extend(plane, comparison_id, seeds=3)
    before = plane.service.comparisons.changes(comparison_id)
    extend(plane, comparison_id, seeds=3, trials=2)
    assert plane.service.comparisons.changes(comparison_id) == before
    (change,) = [one for one in before if one.before == one.after]
    assert (change.reason, change.actor) == ("extended by ada: seeds 2 to 3", "ada")


@pytest.mark.parametrize(
    ("fields", "totals", "field"),
    [
        ({}, {"seeds": 1}, "seeds"),
        ({}, {"epochs": 2}, "budget.epochs"),
        ({}, {"trials": 3}, "tuning.trials"),
        ({"schedule": "cosine"}, {"epochs": 5}, "budget.epochs"),
        ({"tuning": {"worker_seconds": 60}}, {"trials": 128}, "tuning.trials"),
        ({"tuning": {"worker_seconds": 60}}, {"epochs": 5}, "budget.epochs"),
        ({}, {"epochs": 10_000, "seeds": 200}, "budget.epochs"),
    ],
)
def test_totals_that_cannot_be_are_refused_by_their_field(
    plane: ControlPlane, fields: dict[str, object], totals: dict[str, int], field: str
) -> None:
    comparison_id = plane.submit(**fields)
    with pytest.raises(InvalidSpec) as refused:
        extend(plane, comparison_id, **totals)
    assert [error.field for error in refused.value.errors] == [field]
    assert plane.service.comparisons.get(comparison_id).spec.budget.epochs == 3


def test_what_was_cancelled_and_what_is_paused_is_not_extended(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    stranger = Actor("bob", Role.SUBMITTER, "bob-key")
    with pytest.raises(Forbidden):
        plane.service.control.extend(comparison_id, Extension(seeds=3), actor=stranger)
    for verb in (plane.service.control.pause, plane.service.control.cancel):
        verb(comparison_id, actor=PERSON)
        with pytest.raises(TransitionRefused, match=r"paused|cancelled"):
            extend(plane, comparison_id, seeds=3)


def test_a_trial_that_its_search_stopped_early_stays_as_it_is(plane: ControlPlane) -> None:
    comparison_id = plane.submit(tuning={"trials": 2, "asha": {}})
    plane.tick()
    driver = plane.driver()
    stopped, kept = (trial.trial_id for trial in driver.assignment.trials)
    driver.send(*driver.trial(stopped, outcome="stopped"), *driver.trial(kept), driver.done())
    run_to_the_end(plane, comparison_id)
    extend(plane, comparison_id, epochs=5)
    run_to_the_end(plane, comparison_id)
    epochs = {trial.id: trial.epochs_done for trial in plane.service.trials.of(comparison_id)}
    assert (epochs[stopped], epochs[kept]) == (3, 5)
