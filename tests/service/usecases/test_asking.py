"""Submitting safely, listing in pages, the figures of progress."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Barrier
from time import sleep

import pytest

from service.contracts.catalogue import Catalogue
from service.contracts.events import TrialPoint
from service.contracts.metrics import Metric
from service.contracts.report import Report
from service.contracts.states import ComparisonState
from service.domain.comparison_rows import Wanted
from service.domain.errors import Forbidden, IdempotencyMismatch, InvalidSpec, NotFound
from service.domain.ports import Clock
from service.domain.records import Role
from service.domain.results import ComparisonResults
from tests.support.control_plane import PERSON, ControlPlane, point

SPEC = {
    "name": "alone",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": 4},
    "tuning": {"trials": 2},
    "seeds": 2,
}


def test_the_same_idempotency_key_creates_one_comparison(plane_on_both: ControlPlane) -> None:
    comparisons = plane_on_both.service.comparisons
    first = comparisons.create(SPEC, actor=PERSON, idempotency_key="k")
    again = comparisons.create(dict(reversed(SPEC.items())), actor=PERSON, idempotency_key="k")
    assert again.id == first.id
    assert len(comparisons.page().items) == 1
    with pytest.raises(IdempotencyMismatch, match=first.id):
        comparisons.create({**SPEC, "seeds": 3}, actor=PERSON, idempotency_key="k")
    assert len(comparisons.page().items) == 1
    assert comparisons.create(SPEC, actor=PERSON).id != first.id


@dataclass(frozen=True)
class SlowClock:
    """A clock that takes its time, so that callers are at work at once."""

    clock: Clock

    def now(self) -> datetime:
        sleep(0.05)
        return self.clock.now()


def test_an_idempotency_key_sent_at_once_creates_one_comparison(
    plane_on_both: ControlPlane,
) -> None:
    comparisons = plane_on_both.service.comparisons
    slow = replace(comparisons, clock=SlowClock(comparisons.clock))
    barrier = Barrier(4)

    def create(seeds: int) -> str:
        barrier.wait()
        try:
            return slow.create({**SPEC, "seeds": seeds}, actor=PERSON, idempotency_key="k").id
        except IdempotencyMismatch:
            return "mismatch"

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(create, (2, 2, 3, 3)))
    (made,) = comparisons.page(limit=10).items
    assert sorted(answers) == sorted([made.id] * 2 + ["mismatch"] * 2)


def test_another_keys_holder_may_use_the_same_word(plane_on_both: ControlPlane) -> None:
    comparisons = plane_on_both.service.comparisons
    namesake = replace(PERSON, key_id="another-key")
    first = comparisons.create(SPEC, actor=PERSON, idempotency_key="k")
    assert comparisons.create(SPEC, actor=namesake, idempotency_key="k").id != first.id
    with pytest.raises(Forbidden, match="'ada'"):
        plane_on_both.service.control.cancel(first.id, actor=namesake)
    plane_on_both.service.control.cancel(first.id, actor=replace(namesake, role=Role.ADMIN))


def test_what_cannot_be_run_is_not_stored(plane: ControlPlane) -> None:
    with pytest.raises(InvalidSpec):
        plane.service.comparisons.create({**SPEC, "seeds": 0}, actor=PERSON, idempotency_key="k")
    assert not plane.service.comparisons.page().items
    plane.service.comparisons.create(SPEC, actor=PERSON, idempotency_key="k")


def test_pages_hold_every_comparison_once_newest_first(plane_on_both: ControlPlane) -> None:
    comparisons = plane_on_both.service.comparisons
    made = [plane_on_both.submit() for _ in range(5)]
    seen: list[str] = []
    cursor = None
    while True:
        page = comparisons.page(limit=2, cursor=cursor)
        seen += [view.id for view in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == made[::-1]
    plane_on_both.service.control.cancel(made[2], actor=PERSON)
    cancelled = comparisons.page(wanted=Wanted(states=(ComparisonState.CANCELLED,)))
    assert [view.id for view in cancelled.items] == [made[2]]
    with pytest.raises(NotFound):
        comparisons.page(cursor="nowhere")


def test_progress_counts_epochs_and_gives_those_of_ended_trials(plane: ControlPlane) -> None:
    comparison_id = plane.service.comparisons.create(SPEC, actor=PERSON).id
    view = plane.service.comparisons.get(comparison_id)
    contender = view.contenders[0]
    assert (contender.trials, contender.epochs, view.progress) == (4, 16, 0)
    assert view.seconds_left is None
    plane.tick()
    driver = plane.driver()
    trials = [trial.trial_id for trial in driver.assignment.trials]
    events = driver.trial(trials[0], outcome="diverged")
    driver.send(events[0], events[1], events[-1])
    events = driver.trial(trials[1])
    plane.clock.advance(10)
    driver.send(*events[:3])
    view = plane.service.comparisons.get(comparison_id)
    contender = view.contenders[0]
    assert contender.epochs_done == 4 + 1, "a diverged trial owes nothing more"
    assert (contender.trials_ended, contender.diverged) == (1, 1)
    assert view.progress == pytest.approx(5 / 16)
    assert view.seconds_left == pytest.approx(10 * 11 / 5)
    assert plane.service.comparisons.last_steps(comparison_id) == {trials[0]: 0, trials[1]: 20}


def test_an_interim_report_says_so(plane: ControlPlane) -> None:
    comparison_id = plane.submit()
    assert plane.service.reports.report(comparison_id).status == "interim"
    assert "interim" in plane.page(comparison_id).lower()


def test_an_interim_report_is_made_once_for_each_change_and_point(
    plane_on_both: ControlPlane,
) -> None:
    plane = plane_on_both
    reports = plane.service.reports
    made: list[ComparisonResults] = []

    def counting(results: ComparisonResults, catalogue: Catalogue, now: datetime) -> Report:
        made.append(results)
        return reports.scoring(results, catalogue, now)

    counted = replace(reports, scoring=counting)
    comparison_id, other = plane.submit(), plane.submit()
    plane.tick()
    driver = plane.driver()
    trial = driver.assignment.trials[0].trial_id
    driver.beat()
    driver.send(driver.started(trial))
    for expected, event in enumerate(
        (
            TrialPoint(trial_id=trial, point=point(0)),
            TrialPoint(trial_id=trial, point=point(1)),
            driver.started(trial, number=1),  # from its checkpoint, as if it had lost epoch 1
            TrialPoint(trial_id=trial, point=point(1, seconds=9)),
            driver.ended(trial, number=2),
        ),
        start=1,
    ):
        driver.send(event)
        for _ in range(3):
            assert counted.report(comparison_id).status == "interim"
            driver.beat()
        assert len(made) == expected
    assert counted.report(other).comparison_id == other
    assert counted.report(comparison_id).comparison_id == comparison_id
    assert len(made) == 6


def test_a_series_has_the_metrics_that_were_measured_alone(plane: ControlPlane) -> None:
    comparison = plane.submit()
    plane.tick()
    driver = plane.driver()
    trial = driver.assignment.trials[0].trial_id
    measured = point(0).model_copy(update={"test_loss": 4.0, "test_accuracy": 0.25})
    driver.send(driver.started(trial), TrialPoint(trial_id=trial, point=measured))
    (series,) = plane.service.trials.series(comparison)
    curves = {metric: getattr(series, metric) for metric in Metric if getattr(series, metric)}
    assert curves == {"train_loss": (100.0,), "test_loss": (4.0,), "test_accuracy": (0.25,)}
