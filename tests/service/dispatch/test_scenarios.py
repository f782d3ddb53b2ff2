"""The dispatcher through crashes, silences and restarts, with a cluster in the test's hand."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import event

from service.contracts.edit import Edit
from service.contracts.events import TrialPoint
from service.contracts.states import ComparisonState, FailureKind, TrialState
from service.domain.errors import StorageUnavailable
from service.domain.ports import Job, JobStatus, RunnerUnreachable
from service.domain.records import Node
from tests.support.control_plane import PERSON, ControlPlane, FakeCluster, point


def jobs(plane: ControlPlane) -> list[str]:
    return [request.submission_id.split("-", 2)[2] for request in plane.cluster.requests]


def test_two_cpus_run_one_study_at_a_time_and_the_next_at_once(plane: ControlPlane) -> None:
    plane.submit()
    plane.wait(3)
    assert jobs(plane) == ["s0-1"]
    plane.driver().run()
    plane.tick()
    assert jobs(plane) == ["s0-1", "s1-1"]
    plane.driver().run()
    plane.tick()
    assert jobs(plane) == ["s0-1", "s1-1", "s2-1"], "the finals follow in the same look"


def test_an_edit_of_the_priority_decides_who_is_next(plane: ControlPlane) -> None:
    first, second = plane.submit(), plane.submit()
    plane.service.control.edit(second, Edit(priority=1), actor=PERSON)
    plane.tick()
    assert plane.states(first)[0] == "queued"
    assert plane.states(second)[0] == "submitted"


def test_who_waits_for_a_cap_says_so(plane: ControlPlane) -> None:
    plane.cluster.nodes = (Node(cpus=64, gpus=0),)
    comparison_id = plane.submit(at_once=1)
    plane.tick()
    assert jobs(plane) == ["s0-1"]
    waiting = plane.service.comparisons.studies(comparison_id)[1]
    assert waiting.reason == "waiting for others of its comparison: at most 1 at once"
    plane.driver().run()
    plane.tick()
    assert jobs(plane) == ["s0-1", "s1-1"]


def test_a_crash_between_claim_and_submission_costs_nothing(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    submit, plane.cluster.submit = plane.cluster.submit, _refuse  # type: ignore[method-assign]
    plane.tick()
    plane.cluster.submit = submit  # type: ignore[method-assign]
    assert plane.states(comparison_id)[0] == "submitted"
    plane.restart_dispatcher()
    plane.wait(4)
    assert jobs(plane) == ["s0-1"]
    assert plane.driver().assignment.attempt == 1


def _refuse(_request: object) -> None:
    raise RunnerUnreachable("gone at the wrong moment")


def test_submitting_again_gives_the_same_token(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    first = plane.cluster.requests[0]
    plane.cluster.jobs.clear()
    plane.wait(4)
    assert plane.cluster.requests[1] == first


def test_a_killed_driver_is_replaced_within_seconds(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    first = plane.driver()
    trial = first.assignment.trials[0].trial_id
    first.send(first.started(trial))
    plane.cluster.kill(f"study-{first.study_id}-1")
    plane.wait(5)
    assert jobs(plane) == ["s0-1", "s0-2"]
    trials = plane.service.trials.of(comparison_id)
    assert trials[0].state is TrialState.QUEUED
    reasons = [change.reason for change in plane.service.comparisons.changes(comparison_id)]
    assert "its job ended: exit code -9" in reasons


def test_a_silent_driver_is_stopped_before_it_is_replaced(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.wait(29)
    assert jobs(plane) == ["s0-1"]
    plane.cluster.stubborn = True
    plane.wait(10)
    assert plane.cluster.stopped
    assert jobs(plane) == ["s0-1"], "no second driver while the first may still run"
    plane.cluster.stubborn = False
    plane.wait(3)
    assert jobs(plane) == ["s0-1", "s0-2"]


def test_a_driver_on_an_unreachable_machine_is_given_up(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.cluster.stubborn = True
    plane.wait(60)
    assert jobs(plane) == ["s0-1", "s0-2"]


def test_heartbeats_keep_a_driver_alive_for_ever(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    driver = plane.driver()
    for _ in range(120):
        driver.beat()
        plane.tick(1)
    assert jobs(plane) == ["s0-1"]
    assert not plane.cluster.stopped


def test_silence_does_not_count_while_the_web_is_away(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    driver = plane.driver()
    driver.beat()
    plane.web.up = False
    plane.wait(300)
    plane.web.up = True
    plane.wait(20)
    assert not plane.cluster.stopped
    driver.beat()
    plane.wait(20)
    assert jobs(plane) == ["s0-1"]


def test_silence_does_not_count_while_the_dispatcher_is_away(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.clock.advance(3600)
    plane.restart_dispatcher()
    plane.wait(20)
    plane.tick(3600)  # a machine that slept
    plane.tick()
    assert not plane.cluster.stopped


def test_nothing_is_concluded_from_a_cluster_that_does_not_answer(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.cluster.away = True
    plane.wait(200)
    assert plane.states(comparison_id) == ["running", "queued"]
    waiting = plane.service.comparisons.studies(comparison_id)[1]
    assert waiting.reason == "waiting for the cluster, which does not answer"


def test_a_cluster_that_started_afresh_gets_its_studies_again(plane: ControlPlane) -> None:
    plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.cluster.jobs.clear()
    plane.restart_dispatcher()
    plane.wait(8)
    assert jobs(plane) == ["s0-1", "s0-2"]


def test_attempts_that_bring_nothing_are_limited(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    for _ in range(30):
        plane.tick(1)
        for job in plane.cluster.jobs:
            plane.cluster.kill(job)
    assert jobs(plane) == [f"s{study}-{attempt}" for study in (0, 1) for attempt in (1, 2, 3)]
    view = plane.service.comparisons.get(comparison_id)
    assert view.state is ComparisonState.FAILED
    assert "gave up after attempt 3: its job ended: exit code -9" in view.reason
    trials = plane.service.trials.of(comparison_id)
    assert {trial.failure for trial in trials} == {FailureKind.LOST_WORKER}


def test_attempts_that_get_on_are_not_counted_out(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    for attempt in range(1, 7):
        driver = plane.driver()
        assert driver.assignment.attempt == attempt
        trial = driver.assignment.trials[0].trial_id
        resumed = driver.started(trial, resumed=attempt - 1)
        driver.send(resumed, TrialPoint(trial_id=trial, point=point(attempt)))
        plane.cluster.kill(f"study-{driver.study_id}-{attempt}")
        plane.wait(5)
    assert plane.states(comparison_id)[0] == "submitted"


def test_attempts_that_tell_the_same_again_are_limited(plane: ControlPlane) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}], budget={"epochs": 9})
    plane.tick()
    farthest = (2, 4, 1, 4, 3)
    for attempt, farthest_epoch in enumerate(farthest, start=1):
        driver = plane.driver()
        assert driver.assignment.attempt == attempt
        trial = driver.assignment.trials[0].trial_id
        epochs = range(1, farthest_epoch + 1)
        told = [TrialPoint(trial_id=trial, point=point(epoch)) for epoch in epochs]
        driver.send(driver.started(trial), *told)
        plane.cluster.kill(f"study-{driver.study_id}-{attempt}")
        plane.wait(5)
    assert plane.states(comparison_id) == ["failed"], "the last three brought nothing new"
    reason = plane.service.comparisons.studies(comparison_id)[0].reason
    assert reason.startswith("gave up after attempt 5")


def test_an_attempt_that_ends_a_trial_is_not_fruitless(plane: ControlPlane) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}], tuning={"trials": 8})
    plane.tick()
    for attempt in range(1, 6):
        driver = plane.driver()
        assert driver.assignment.attempt == attempt
        trial = driver.assignment.trials[0].trial_id
        driver.send(driver.started(trial), driver.ended(trial, "failed"))
        plane.cluster.kill(f"study-{driver.study_id}-{attempt}")
        plane.wait(5)
    assert plane.states(comparison_id) == ["submitted"]


def test_a_driver_that_died_after_its_last_trial_leaves_nothing_to_do(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    plane.tick()
    driver = plane.driver()
    for trial in driver.assignment.trials:
        driver.send(*driver.trial(trial.trial_id))
    plane.cluster.kill(f"study-{driver.study_id}-1")
    plane.wait(4)
    assert plane.states(comparison_id) == ["finished", "submitted"]


def test_a_cancelled_study_on_an_unreachable_machine_is_closed_at_last(
    plane: ControlPlane,
) -> None:
    comparison_id = plane.submit()
    plane.tick()
    plane.driver().beat()
    plane.cluster.stubborn = True
    plane.service.control.cancel(comparison_id, actor=PERSON)
    plane.wait(15)
    assert plane.states(comparison_id)[0] == "cancelling"
    plane.wait(15)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.CANCELLED


def test_a_comparison_whose_report_cannot_be_made_fails_alone(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_more: object) -> None:
        raise ZeroDivisionError("no figures")

    first = plane.submit(contenders=[{"optimizer": "adam"}])
    second = plane.submit()
    plane.tick()
    plane.driver().run()
    plane.tick()
    driver = plane.driver()
    monkeypatch.setattr("service.domain.scoring.score", broken)
    with pytest.raises(ZeroDivisionError):
        driver.run()
    plane.tick()
    assert plane.service.comparisons.get(first).state is ComparisonState.RUNNING
    plane.tick()
    view = plane.service.comparisons.get(first)
    assert (view.state, view.reason) == (ComparisonState.FAILED, "ZeroDivisionError: no figures")
    assert plane.driver().assignment.comparison_id == second


def impatient(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 20")


def test_a_database_that_is_away_at_the_last_step_fails_nothing(
    plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}])
    plane.tick()
    plane.driver().run()
    plane.tick()
    finals = plane.driver()
    for trial in finals.assignment.trials:
        finals.send(*finals.trial(trial.trial_id))
    plane.service.queue.lost(plane.service.queue.live()[0], "all of its trials had ended")
    event.listen(plane.engine, "connect", impatient)
    plane.engine.dispose()
    with closing(sqlite3.connect(str(plane.engine.url.database))) as other:
        other.execute("BEGIN IMMEDIATE")
        plane.wait(10)
        assert plane.service.comparisons.get(comparison_id).state is ComparisonState.RUNNING
        with pytest.raises(StorageUnavailable, match="database is locked"):
            plane.service.progress.advance(comparison_id)
    plane.tick()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED
    assert caplog.text.count("database is locked; trying again") == 1, "said once"


def test_no_word_of_a_person_reaches_a_job(plane: ControlPlane) -> None:
    plane.submit(name="rm -rf $(HOME)", contenders=[{"optimizer": "adam", "name": "evil"}])
    plane.tick()
    request = plane.cluster.requests[0]
    assert "evil" not in str(request)
    assert "rm -rf" not in str(request)
    assert set(request.environment) == {
        "KBFGS_STUDY_ID",
        "KBFGS_STUDY_ATTEMPT",
        "KBFGS_STUDY_TOKEN",
        "KBFGS_WEB_URL",
        "KBFGS_STORAGE",
        "KBFGS_DATA",
        "KBFGS_DATA_CACHE",
        "KBFGS_OFFLINE",
    }


def test_the_fake_cluster_keeps_a_job_that_is_there_already(plane: ControlPlane) -> None:
    cluster = FakeCluster(plane.clock)
    plane.submit()
    plane.tick()
    request = plane.cluster.requests[0]
    cluster.submit(request)
    cluster.kill(request.submission_id)
    cluster.submit(request)
    assert cluster.status(request.submission_id) == Job(JobStatus.OVER, "exit code -9")
