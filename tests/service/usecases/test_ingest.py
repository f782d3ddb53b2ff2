"""Batches of a driver's events: repeats change nothing, stale ones are refused."""

import random

import pytest
from sqlalchemy import text

from service.contracts.events import TrialPoint
from service.contracts.states import StudyState, TrialState
from service.domain.errors import Forbidden, NotFound, StaleAttempt, TransitionRefused
from tests.support.control_plane import PERSON, USAGE, ControlPlane, FakeDriver, point


def everything(plane: ControlPlane) -> list[tuple[object, ...]]:
    """All rows that ingest writes, without moments."""
    queries = (
        "SELECT * FROM points ORDER BY trial_key, step",
        "SELECT * FROM lifecycle_events ORDER BY trial_key, attempt, number",
        "SELECT id, state, attempt, last_step, epochs_done, best_loss, final_loss, "
        "training_seconds, worker_seconds FROM trials ORDER BY key",
        "SELECT number, subject_id, before, after FROM changes ORDER BY number",
    )
    with plane.engine.connect() as connection:
        return [tuple(row) for query in queries for row in connection.execute(text(query))]


def a_driver(plane: ControlPlane) -> FakeDriver:
    plane.submit()
    plane.tick()
    return plane.driver()


def epochs(plane: ControlPlane, trial_id: str) -> tuple[int, ...]:
    found = plane.service.trials.series(trial_id.split("-")[0], trial_ids=[trial_id])
    return found[0].epoch if found else ()


@pytest.mark.parametrize("seed", range(5))
def test_batches_may_be_cut_and_repeated_anyhow(plane_on_both: ControlPlane, seed: int) -> None:
    driver = a_driver(plane_on_both)
    trials = [trial.trial_id for trial in driver.assignment.trials]
    events = [event for trial in trials for event in driver.trial(trial)]
    draw = random.Random(seed)
    sent = 0
    while sent < len(events):
        first = draw.randint(0, sent)  # what went before is sent again
        sent = draw.randint(sent + 1, len(events))
        driver.send(*events[first:sent])
    repeated = everything(plane_on_both)
    driver.send(*events)
    assert everything(plane_on_both) == repeated
    for trial in trials:
        assert epochs(plane_on_both, trial) == (0, 1, 2, 3)
    view = plane_on_both.service.trials.of(trials[0].split("-")[0])[0]
    assert view.state is TrialState.FINISHED
    assert view.epochs_done == 3
    assert view.best_loss == view.final_loss == pytest.approx(25, rel=0.1)
    assert view.training_seconds == 3
    assert view.worker_seconds == 7
    assert view.usage == USAGE


def test_what_a_trial_took_is_not_known_while_it_runs_again(plane_on_both: ControlPlane) -> None:
    plane = plane_on_both
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    driver.send(driver.started(trial), driver.ended(trial))
    with plane.service.queue.units.write() as unit:
        stored = unit.trials.named(driver.study_id, [trial])[trial]
        assert stored.usage == USAGE
        unit.trials.set_started(stored, 2, driver.started(trial).environment)
    assert plane.service.trials.of(driver.assignment.comparison_id)[0].usage is None


def test_a_driver_that_missed_the_answer_to_its_end_may_say_it_again(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    driver.run()
    before = everything(plane)
    driver.send(driver.done())
    driver.beat()
    assert everything(plane) == before


def test_an_attempt_that_is_over_is_refused_and_changes_nothing(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    first = a_driver(plane)
    trial = first.assignment.trials[0].trial_id
    first.send(first.started(trial), TrialPoint(trial_id=trial, point=point(0)))
    plane.cluster.kill(f"study-{first.study_id}-1")
    plane.wait(5)
    second = plane.driver()
    assert second.assignment.attempt == 2
    before = everything(plane)
    with pytest.raises(StaleAttempt):
        first.send(TrialPoint(trial_id=trial, point=point(1)))
    with pytest.raises(StaleAttempt):
        first.beat()
    with pytest.raises(StaleAttempt):
        plane.service.studies.assignment(first.study_id, attempt=1)
    assert everything(plane) == before
    second.beat()


def test_a_resumed_trial_has_each_epoch_once_and_the_later_clock(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    first = a_driver(plane)
    trial = first.assignment.trials[0].trial_id
    points = [TrialPoint(trial_id=trial, point=point(epoch)) for epoch in range(3)]
    first.send(first.started(trial), *points)
    plane.cluster.kill(f"study-{first.study_id}-1")
    plane.wait(5)
    second = plane.driver()
    second.send(second.started(trial, resumed=1))
    assert epochs(plane, trial) == (0, 1), "what was trained after the checkpoint is forgotten"
    again = [TrialPoint(trial_id=trial, point=point(epoch, seconds=9)) for epoch in (2, 3)]
    second.send(*again, second.ended(trial))
    series = plane.service.trials.series(trial.split("-")[0], trial_ids=[trial])[0]
    assert series.epoch == (0, 1, 2, 3)
    assert series.training_seconds == (0, 1, 18, 27)


def test_a_trial_that_begins_again_in_its_attempt_has_the_clock_of_what_goes_on(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    comparison = trial.split("-")[0]
    lost = [TrialPoint(trial_id=trial, point=point(epoch, seconds=9)) for epoch in range(4)]
    again = [TrialPoint(trial_id=trial, point=point(epoch)) for epoch in range(4)]
    driver.send(driver.started(trial), lost[0], lost[1], lost[2], lost[3])
    costs = [plane.service.trials.of(comparison)[0].worker_seconds]
    for event in (driver.started(trial, number=2), *again):
        for _ in range(2):  # a repetition changes nothing
            driver.send(event)
        series = plane.service.trials.series(comparison, trial_ids=[trial])[0]
        assert list(series.epoch) == sorted(set(series.epoch))
        assert list(series.training_seconds) == sorted(series.training_seconds)
        costs.append(plane.service.trials.of(comparison)[0].worker_seconds)
    assert series.training_seconds == (0, 1, 2, 3)
    assert costs == sorted(costs)


def test_a_trial_whose_ranks_change_costs_what_its_points_say(plane_on_both: ControlPlane) -> None:
    driver = a_driver(plane_on_both)
    trial = driver.assignment.trials[0].trial_id

    def told(epoch: int, *, ranks: int, cost: float) -> TrialPoint:
        changed = point(epoch, seconds=500).model_copy(update={"ranks": ranks, "cost": cost})
        return TrialPoint(trial_id=trial, point=changed)

    def cost() -> float | None:
        return plane_on_both.service.trials.of(trial.split("-")[0])[0].worker_seconds

    driver.send(driver.started(trial), told(0, ranks=1, cost=0), told(1, ranks=1, cost=1000))
    driver.send(told(2, ranks=4, cost=1040))
    assert cost() == 1040
    driver.send(driver.started(trial, number=2).model_copy(update={"resumed_from_epoch": 2}))
    assert cost() == 1040, "the rows know the seconds and the ranks of each point alone"


def test_what_was_trained_beyond_a_checkpoint_does_not_outlive_a_trial_that_ends_earlier(
    plane: ControlPlane,
) -> None:
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    points = [TrialPoint(trial_id=trial, point=point(epoch)) for epoch in range(4)]
    driver.send(driver.started(trial), *points)
    driver.send(driver.started(trial, number=2, resumed=1), *points[:3])
    driver.send(driver.ended(trial, "stopped"))
    assert epochs(plane, trial) == (0, 1, 2)
    assert plane.service.trials.of(trial.split("-")[0])[0].epochs_done == 2


def test_an_old_attempts_point_never_overwrites_a_newer_one(plane_on_both: ControlPlane) -> None:
    driver = a_driver(plane_on_both)
    units = plane_on_both.service.queue.units
    with units.read() as unit:
        key = unit.trials.of(driver.assignment.comparison_id)[0].key
    for attempt, loss in ((2, 20.0), (1, 10.0)):
        with units.write() as unit:
            unit.points.upsert(attempt, [(key, point(1, loss))])
    with units.read() as unit:
        assert unit.points.of([key])[key][0].train_loss == 20
    with units.write() as unit:
        unit.points.upsert(2, [(key, point(1, 21.0)), (key, point(1, 22.0))])
    with units.read() as unit:
        assert [found.train_loss for found in unit.points.of([key])[key]] == [22]


def test_a_trial_that_has_not_started_has_no_points(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    with pytest.raises(TransitionRefused, match="has not started"):
        driver.send(TrialPoint(trial_id=trial, point=point(0)))


def test_a_trial_ends_once(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    driver.send(*driver.trial(trial))
    before = everything(plane)
    with pytest.raises(TransitionRefused, match="finished"):
        driver.send(driver.ended(trial, "failed", number=2))
    assert everything(plane) == before


def test_a_trial_of_another_study_is_not_found(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    other = plane.service.trials.of(driver.assignment.comparison_id, contender="adam")[0].id
    with pytest.raises(NotFound, match=other):
        driver.send(driver.started(other))


def test_a_loss_that_is_not_finite_is_no_best_loss(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    trial = driver.assignment.trials[0].trial_id
    diverged = point(1).model_copy(update={"train_loss": None})
    driver.send(
        driver.started(trial),
        TrialPoint(trial_id=trial, point=point(0, 50.0)),
        TrialPoint(trial_id=trial, point=diverged),
        driver.ended(trial, "diverged"),
    )
    view = plane.service.trials.of(driver.assignment.comparison_id)[0]
    assert (view.state, view.best_loss, view.final_loss) == (TrialState.DIVERGED, 50.0, None)


def test_the_figures_are_of_the_loss_that_decides(plane: ControlPlane) -> None:
    comparison = plane.submit(problems=["tiny-classes"])
    plane.tick()
    driver = plane.driver()
    trial = driver.assignment.trials[0].trial_id
    points = [
        point(epoch, 9.0 - epoch).model_copy(update={"validation_loss": validation})
        for epoch, validation in enumerate([5.0, 3.0, None, 4.0])
    ]
    driver.send(
        driver.started(trial),
        *(TrialPoint(trial_id=trial, point=one) for one in points),
        driver.ended(trial),
    )
    view = plane.service.trials.of(comparison)[0]
    assert (view.best_loss, view.final_loss) == (3.0, 4.0)


def test_trials_that_take_turns_within_a_batch_keep_their_figures(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    first, second = (trial.trial_id for trial in driver.assignment.trials)
    driver.send(
        driver.started(first),
        TrialPoint(trial_id=first, point=point(1, 10.0)),
        driver.started(second),
        TrialPoint(trial_id=first, point=point(2, 50.0)),
        TrialPoint(trial_id=second, point=point(0, 80.0)),
    )
    views = plane.service.trials.of(driver.assignment.comparison_id)
    assert [(view.best_loss, view.final_loss) for view in views[:2]] == [(10, 50), (80, 80)]


def test_an_attempt_runs_from_its_first_sign_of_life_on(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    comparisons = plane.service.comparisons
    study = comparisons.studies(driver.assignment.comparison_id)[0]
    assert (study.state, study.last_heartbeat) == (StudyState.SUBMITTED, None)
    driver.beat()
    study = comparisons.studies(driver.assignment.comparison_id)[0]
    assert (study.state, study.last_heartbeat) == (StudyState.RUNNING, plane.clock.now())


def test_a_driver_that_ends_early_is_replaced(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    trials = [trial.trial_id for trial in driver.assignment.trials]
    driver.send(*driver.trial(trials[0]), driver.started(trials[1]), driver.done())
    plane.tick()
    second = plane.driver()
    assert second.assignment.attempt == 2
    assert [trial.trial_id for trial in second.assignment.trials] == trials[1:]


def test_a_token_opens_its_own_study_alone(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    token = plane.cluster.requests[0].environment["KBFGS_STUDY_TOKEN"]
    other = driver.study_id.replace("-s0", "-s1")
    with pytest.raises(Forbidden):
        plane.service.studies.authorize(other, token)


def test_who_speaks_for_a_study_that_was_deleted_is_dismissed(plane: ControlPlane) -> None:
    driver = a_driver(plane)
    comparison_id = driver.assignment.comparison_id
    plane.service.control.cancel(comparison_id, actor=PERSON)
    plane.wait(2)
    plane.service.control.delete(comparison_id, actor=PERSON)
    for speak in (lambda: driver.send(driver.done()), driver.beat):
        with pytest.raises(StaleAttempt, match="deleted"):
            speak()
