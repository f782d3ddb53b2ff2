"""A driver that calls runs finished before their last epoch does not keep its study for ever."""

from service.contracts.events import TrialPoint
from service.contracts.states import ComparisonState
from tests.support.control_plane import ControlPlane, point


def run_short(plane: ControlPlane, epochs: int) -> None:
    """Do the latest study, every run of it ending after so many epochs."""
    driver = plane.driver()
    for trial in driver.assignment.trials:
        told = [
            TrialPoint(trial_id=trial.trial_id, point=point(epoch)) for epoch in range(epochs + 1)
        ]
        driver.send(driver.started(trial.trial_id), *told, driver.ended(trial.trial_id))
    driver.send(driver.done())


def test_finals_that_stay_too_short_end_after_some_attempts(plane: ControlPlane) -> None:
    comparison = plane.submit()
    attempts = 0
    while plane.service.comparisons.get(comparison).state is not ComparisonState.FINISHED:
        plane.tick()
        if plane.service.queue.live():
            run_short(plane, 1)
            attempts += 1
        assert attempts < 10
    assert plane.states(comparison) == ["finished"] * 3


def test_finals_that_get_longer_go_on_to_their_last_epoch(plane: ControlPlane) -> None:
    comparison = plane.submit(budget={"epochs": 8})
    lengths = iter([8, 8, *range(1, 9)])
    while plane.service.comparisons.get(comparison).state is not ComparisonState.FINISHED:
        plane.tick()
        if plane.service.queue.live():
            run_short(plane, next(lengths))
    assert next(lengths, None) is None
