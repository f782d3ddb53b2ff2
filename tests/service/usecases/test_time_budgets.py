"""Searches whose equal budget is worker-seconds: what drivers are told, and may tell."""

from service.contracts.states import StudyKind, TrialState
from tests.support.comparisons import a_spec, a_trial, judged, results, searched
from tests.support.control_plane import ControlPlane

BUDGET = {"trials": 4, "worker_seconds": 20}


def test_the_next_attempt_hears_what_earlier_ones_spent(plane: ControlPlane) -> None:
    plane.submit(tuning=BUDGET)
    plane.tick()
    first = plane.driver()
    assert (first.assignment.worker_seconds, set(first.assignment.spent.values())) == (20, {0.0})
    done, begun = (trial.trial_id for trial in first.assignment.trials[:2])
    first.send(*first.trial(done), *first.trial(begun)[:3])
    plane.cluster.kill(plane.cluster.requests[0].submission_id)
    plane.wait(60)
    second = next(
        plane.driver(request.submission_id)
        for request in reversed(plane.cluster.requests)
        if request.submission_id.endswith("-2")
    )
    assert second.assignment.spent[done] == 7
    assert second.assignment.spent[begun] > 0
    assert second.assignment.trials[0].trial_id == begun


def test_trials_that_never_began_end_with_the_others(plane: ControlPlane) -> None:
    comparison_id = plane.submit(tuning=BUDGET)
    plane.tick()
    driver = plane.driver()
    done, stopped, *rest = (trial.trial_id for trial in driver.assignment.trials)
    driver.send(*driver.trial(done), *driver.trial(stopped, outcome="stopped"))
    driver.send(*(driver.ended(trial_id, "stopped") for trial_id in rest), driver.done())
    assert plane.states(comparison_id)[0] == "finished"
    found = [trial.state for trial in plane.service.trials.of(comparison_id)[:4]]
    assert found == [TrialState.FINISHED, *[TrialState.STOPPED] * 3]


def test_finals_have_no_such_budget(plane: ControlPlane) -> None:
    comparison_id = plane.submit(tuning=BUDGET)
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    plane.tick()
    assert plane.states(comparison_id)[2] != "queued"
    assert (plane.driver().assignment.worker_seconds, plane.driver().assignment.spent) == (None, {})


def test_the_report_shows_both_quantities_and_warns_of_a_budget_that_was_not_spent() -> None:
    spec = a_spec("kbfgs", "adam", tuning=BUDGET)
    search = searched(spec)
    search[3] = a_trial(
        "adam", [100.0, 95.0], number=3, kind=StudyKind.TUNING, state=TrialState.STOPPED
    )
    never = a_trial("adam", number=4, kind=StudyKind.TUNING, state=TrialState.STOPPED)
    report = judged(results(spec, [*search, never]))
    cost = report.contenders[1].tuning
    assert (cost.trials, cost.remarks) == (2, "1 stopped early")
    told = [text for text in report.warnings if "tried all" in text or "not equal" in text]
    assert told == ["K-BFGS had tried all of its points after 20.0 of 20 worker-seconds"]
