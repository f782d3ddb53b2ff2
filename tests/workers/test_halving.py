"""Which trials go on from a rung, and that nobody is judged twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.contracts.events import Event, MetricPoint, TrialEnded, TrialPoint
from service.contracts.metrics import Metric
from service.contracts.plan import StudyAssignment
from service.contracts.proposals import Rungs
from service.contracts.states import StudyKind
from service.contracts.tuning import Asha
from tests.support.tiny_training import trial_plan
from workers.agenda import Agenda
from workers.context import plan_trials
from workers.halving import Halving, goes_on

LOSSES = st.lists(st.floats(0, 100), max_size=20)


def rungs(**losses: dict[int, float | None]) -> Rungs:
    return Rungs(epochs=(1, 3), reduction_factor=3, metric=Metric.TRAIN_LOSS, losses=losses)


def point(trial_id: str, epoch: int, loss: float | None) -> TrialPoint:
    measured = MetricPoint(
        epoch=epoch, step=epoch, training_seconds=epoch, elapsed_seconds=epoch,
        process_seconds=epoch, gradient_evaluations=epoch, train_loss=loss,
    )  # fmt: skip
    return TrialPoint(trial_id=trial_id, point=measured)


@given(others=LOSSES, loss=st.floats(0, 100), factor=st.integers(2, 5))
def test_a_trial_goes_on_where_it_is_among_the_best_share_or_the_best(
    others: Sequence[float], loss: float, factor: int
) -> None:
    better = sum(other < loss for other in others)
    going = goes_on(loss, others, reduction_factor=factor)
    assert going == (better == 0 or better < (len(others) + 1) // factor)


@given(others=LOSSES, loss=st.floats(0, 100), less=st.floats(0, 100))
def test_a_lower_loss_never_makes_a_trial_stop(
    others: Sequence[float], loss: float, less: float
) -> None:
    low, high = sorted((loss, less))
    if goes_on(high, others, reduction_factor=3):
        assert goes_on(low, others, reduction_factor=3)


def test_the_trials_of_a_study_know_where_they_are_judged_and_so_must_be_saved() -> None:
    judged = StudyAssignment(
        study_id="c-s0", attempt=1, comparison_id="c", kind=StudyKind.TUNING,
        problem="mnist-5k-autoencoder", batch_size=20, epochs=9, cpus=1, gpus=0, threads=1,
        exclusive=False, trials=(trial_plan().trial,), rungs=rungs(),
    )  # fmt: skip
    (plan,) = plan_trials(judged, built_in())
    assert plan.rungs == (1, 3)


@pytest.mark.parametrize(
    ("grace", "factor", "epochs", "expected"),
    [(1, 3, 10, (1, 3, 9)), (1, 3, 9, (1, 3)), (2, 2, 8, (2, 4)), (5, 4, 5, ())],
)
def test_rungs_lie_each_so_many_times_as_far_and_before_the_end(
    grace: int, factor: int, epochs: int, expected: tuple[int, ...]
) -> None:
    assert Asha(grace_epochs=grace, reduction_factor=factor).rungs(epochs) == expected


def test_the_first_to_come_goes_on_and_a_worse_one_does_not() -> None:
    halving = Halving(rungs())
    assert halving.judge(point("t0", 1, 9.0)) is None
    assert halving.judge(point("t1", 1, 9.5)) == (
        "stopped after epoch 1 by ASHA: 1 of the 1 trials that had come there before it were better"
    )
    assert halving.judge(point("t2", 1, 8.0)) is None
    assert halving.judge(point("t3", 1, None)) is not None


def test_nobody_is_judged_between_rungs_or_twice_at_one() -> None:
    halving = Halving(rungs(t0={1: 1.0}, t1={1: 5.0}))
    assert halving.judge(point("t2", 2, 99.0)) is None
    assert halving.judge(point("t1", 1, 5.0)) is None
    assert halving.judge(point("t2", 1, 5.0)) is not None
    assert Halving().judge(point("t2", 1, 5.0)) is None


@given(
    st.lists(st.lists(st.floats(0, 9), min_size=6, max_size=6), min_size=1, max_size=6), st.data()
)
def test_decisions_do_not_depend_on_how_events_are_batched(
    curves: list[list[float]], data: st.DataObject
) -> None:
    batched, single = (searched(curves, cuts) for cuts in (data, None))
    assert batched == single
    assert batched[0][1][-1] == "finished", "the first of them is never stopped"


def test_what_diverges_at_a_rung_has_diverged() -> None:
    told: list[Event] = []
    agenda = Agenda(
        [trial_plan(trial_id=name) for name in ("t0", "t1")],
        tell=told.extend,
        halt=lambda trial_id: None,
        halving=Halving(rungs(t9={1: 1.0})),
    )
    agenda.begin()
    agenda.heard([point("t0", 1, 1e9), end("t0", "diverged")])
    assert [event.outcome for event in told if isinstance(event, TrialEnded)] == ["diverged"]
    agenda.begin()
    agenda.heard([point("t1", 1, 1e8)])
    assert isinstance(told[-1], TrialEnded)
    assert told[-1].outcome == "stopped"
    assert "1 of the 2 trials" in told[-1].message


def end(name: str, outcome: Literal["finished", "diverged"]) -> TrialEnded:
    return TrialEnded(
        trial_id=name, number=1, at=datetime.now(UTC), outcome=outcome, worker_seconds=5
    )


def searched(
    curves: list[list[float]], data: st.DataObject | None
) -> list[tuple[str, list[object]]]:
    """What is told of each trial, one after the other, whose epochs come in batches of any size."""
    told: list[Event] = []
    agenda = Agenda(
        [trial_plan(trial_id=f"t{number}") for number in range(len(curves))],
        tell=told.extend,
        halt=lambda trial_id: None,
        halving=Halving(rungs()),
    )
    for curve in curves:
        plan = agenda.begin()
        assert plan is not None
        name = plan.trial.trial_id
        events: list[Event] = [point(name, epoch, loss) for epoch, loss in enumerate(curve)]
        events.append(end(name, "finished"))
        while events:
            size = data.draw(st.integers(1, len(events))) if data else 1
            agenda.heard(events[:size])
            del events[:size]
        agenda.left(name)
    by_trial: dict[str, list[object]] = {}
    for event in told:
        said = event.point.epoch if isinstance(event, TrialPoint) else event.outcome  # type: ignore[union-attr]
        by_trial.setdefault(event.trial_id, []).append(said)  # type: ignore[union-attr]
    return list(by_trial.items())
