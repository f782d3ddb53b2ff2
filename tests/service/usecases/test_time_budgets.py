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


def test_the_report_says_that_asha_was_used_and_what_it_saved() -> None:
    spec = a_spec("kbfgs", "adam", budget={"epochs": 10}, tuning={"trials": 2, "asha": {}})
    search = searched(spec)
    search[3] = a_trial(
        "adam", [100.0, 95.0, 94.0], number=3, kind=StudyKind.TUNING, state=TrialState.STOPPED,
        worker_seconds=4.0,
    )  # fmt: skip
    report = judged(results(spec, search))
    assert report.contenders[1].tuning.saved_seconds == 16
    assert report.warnings[0] == (
        "tuning trials that ASHA stopped early: K-BFGS 0 of 2 (about 0 "
        "worker-seconds saved) and Adam 1 of 2 (about 16.0 worker-seconds saved)"
    )


def test_the_next_attempt_hears_which_trials_were_judged_at_which_rung(plane: ControlPlane) -> None:
    plane.submit(tuning={"trials": 4, "asha": {}}, budget={"epochs": 5})
    plane.tick()
    first = plane.driver()
    assert first.assignment.rungs is not None
    assert (first.assignment.rungs.epochs, first.assignment.rungs.reduction_factor) == ((1, 3), 3)
    done, standing, *_ = (trial.trial_id for trial in first.assignment.trials)
    first.send(*first.trial(done), *first.trial(standing)[:5])  # started, epochs 0 to 3
    again = plane.service.studies.assignment(first.assignment.study_id, attempt=1)
    assert again.rungs is not None
    assert {name: list(losses) for name, losses in again.rungs.losses.items() if losses} == {
        done: [1, 3], standing: [1, 3],
    }  # fmt: skip
