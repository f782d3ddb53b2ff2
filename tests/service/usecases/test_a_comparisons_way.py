"""A comparison from its submission to its verdict, and what happens when things go wrong."""

import re
from dataclasses import replace
from datetime import datetime

import pytest

from service.contracts.catalogue import Catalogue
from service.contracts.report import Report
from service.contracts.states import ComparisonState, StudyKind, StudyState, TrialState
from service.domain.errors import NotFound, TransitionRefused
from service.domain.results import ComparisonResults
from tests.support.control_plane import PERSON, ControlPlane


def run_to_the_end(plane: ControlPlane, comparison_id: str, outcome: str = "finished") -> None:
    for _ in range(10):
        plane.tick()
        if plane.service.comparisons.get(comparison_id).ended_at is not None:
            return
        plane.driver().run(outcome=outcome)


def test_a_comparison_goes_by_tuning_and_finals_to_its_verdict(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.FINISHED
    assert view.progress == 1
    assert view.verdict
    assert plane.states(comparison_id) == ["finished"] * 3
    assert plane.service.reports.report(comparison_id).status == "final"
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    assert [trial.contender for trial in finals] == ["kbfgs", "adam", "adam", "kbfgs"]


def test_the_finals_run_at_the_point_with_the_lowest_final_loss(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    tuning = plane.service.trials.of(comparison_id, kind=StudyKind.TUNING, contender="adam")
    best = min(tuning, key=lambda trial: trial.final_loss or float("inf"))
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS, contender="adam")
    assert {str(trial.point) for trial in finals} == {str(best.point)}
    assert len({str(trial.point) for trial in tuning}) == 2


def test_every_change_of_state_is_numbered_without_a_gap(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    run_to_the_end(plane_on_both, comparison_id)
    changes = plane_on_both.service.comparisons.changes(comparison_id)
    assert [change.number for change in changes] == list(range(1, len(changes) + 1))
    latest = {change.subject_id: change.after for change in changes}
    trials = plane_on_both.service.trials.of(comparison_id)
    assert {trial.id: trial.state.value for trial in trials}.items() <= latest.items()
    assert latest[comparison_id] == "finished"
    later = plane_on_both.service.comparisons.changes(comparison_id, after=5, limit=2)
    assert [change.number for change in later] == [6, 7]


def test_a_comparison_without_any_good_trial_fails_and_says_why(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id, outcome="failed")
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.FAILED
    assert view.reason == "no trial of the search ended well: it broke"
    assert len(plane.states(comparison_id)) == 2


def test_a_contender_that_always_diverges_is_left_out_of_the_finals(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    plane.driver().run(outcome="diverged")
    plane.tick()
    plane.driver().run()
    finals = plane.service.trials.of(comparison_id, kind=StudyKind.FINALS)
    assert {trial.contender for trial in finals} == {"adam"}


def test_cancelling_a_waiting_comparison_ends_it_at_once(plane_on_both: ControlPlane) -> None:
    comparison_id = plane_on_both.submit()
    view = plane_on_both.service.control.cancel(comparison_id, actor=PERSON)
    assert view.state is ComparisonState.CANCELLED
    assert view.reason == "cancelled by ada"
    trials = plane_on_both.service.trials.of(comparison_id)
    assert {trial.state for trial in trials} == {TrialState.CANCELLED}
    plane_on_both.tick()
    assert not plane_on_both.cluster.requests


def test_cancelling_a_running_comparison_stops_its_job_first(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    driver = plane.driver()
    driver.beat()
    view = plane.service.control.cancel(comparison_id, actor=PERSON)
    assert view.state is ComparisonState.CANCELLING
    assert plane.states(comparison_id) == ["cancelling", "cancelled"]
    plane.tick()
    assert plane.cluster.stopped == [f"study-{driver.study_id}-1"]
    plane.tick()
    assert plane.states(comparison_id) == ["cancelled", "cancelled"]
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.CANCELLED
    (problem,) = plane.service.reports.report(comparison_id).problems
    assert re.match(r"The comparison was cancelled after 0 of \d+ trials\. No", problem.sentence)


def test_cancelling_twice_is_cancelling_once(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.service.control.cancel(comparison_id, actor=PERSON)
    before = plane.service.comparisons.changes(comparison_id)
    plane.service.control.cancel(comparison_id, actor=PERSON)
    assert plane.service.comparisons.changes(comparison_id) == before


def test_what_has_finished_cannot_be_cancelled(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    run_to_the_end(plane, comparison_id)
    with pytest.raises(TransitionRefused, match="finished"):
        plane.service.control.cancel(comparison_id, actor=PERSON)


def test_finals_are_queued_once_however_often_it_is_asked(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    plane.driver().run()
    studies = plane.service.comparisons.studies(comparison_id)
    assert [study.kind for study in studies] == [StudyKind.TUNING, StudyKind.FINALS]
    assert studies[1].state is StudyState.QUEUED
    assert not plane.service.progress.advance(comparison_id), "queued once, not twice"


def test_what_is_not_there_is_not_found(plane: ControlPlane) -> None:
    comparisons, trials = plane.service.comparisons, plane.service.trials
    for ask in (comparisons.get, comparisons.studies, comparisons.changes, trials.of):
        with pytest.raises(NotFound, match="nowhere"):
            ask("nowhere")
    with pytest.raises(NotFound, match="nowhere"):
        plane.service.reports.report("nowhere")


def test_two_callers_at_once_finish_a_comparison_once(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    plane.driver().run()
    plane.tick()
    finals = plane.driver()
    for trial in finals.assignment.trials:
        finals.send(*finals.trial(trial.trial_id))
    plane.service.queue.lost(plane.service.queue.live()[0], "all of its trials had ended")
    quick = plane.service.progress

    def while_another_is_quicker(
        results: ComparisonResults, catalogue: Catalogue, now: datetime
    ) -> Report:
        assert quick.advance(comparison_id)
        return quick.scoring(results, catalogue, now)

    slow = replace(quick, scoring=while_another_is_quicker)
    assert not slow.advance(comparison_id)
    ended = [
        change
        for change in plane.service.comparisons.changes(comparison_id)
        if change.subject_id == comparison_id and change.after == "finished"
    ]
    assert len(ended) == 1
