"""Points that follow from what the trials before them came to."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from service.contracts.events import MetricPoint, TrialEnded, TrialPoint, TrialProposed
from service.contracts.metrics import Metric
from service.contracts.plan import Point
from service.contracts.proposals import Proposals, Tried
from service.contracts.space import Space, refusal
from service.contracts.states import FailureKind
from tests.support.tiny_training import trial_plan
from workers.agenda import Agenda
from workers.proposals import Points, propose

SPACE = TypeAdapter(Space).validate_python(
    {
        "lr": {"log": [1e-4, 1]},
        "nesterov": {"values": [True, False]},
        "betas": {"values": [[0.9, 0.99], [0.5, 0.9]]},
        "momentum": {"linear": [0, 0.9], "when": {"nesterov": [True]}},
    }
)
IDS = [f"t{number}" for number in range(16)]


def known(*tried: Tried) -> Proposals:
    """What the service knows once these were tried."""
    done = {one.trial_id for one in tried}
    seeds = {name: 1000 + number for number, name in enumerate(IDS)}
    return Proposals(
        space=SPACE,
        metric=Metric.TRAIN_LOSS,
        tried=tried,
        open={name: seed for name, seed in seeds.items() if name not in done},
    )


def loss_at(point: Point) -> float:
    """Least at lr 0.01 with nesterov and much momentum."""
    lr = point["lr"]
    assert isinstance(lr, float)
    momentum = point.get("momentum", -1.0)
    assert isinstance(momentum, float | int)
    return abs(math.log10(lr) + 2) + (1 - momentum)


def measured(trial_id: str, loss: float | None) -> TrialPoint:
    point = MetricPoint(
        epoch=2, step=8, training_seconds=1, elapsed_seconds=1, process_seconds=1,
        gradient_evaluations=8, train_loss=loss,
    )  # fmt: skip
    return TrialPoint(trial_id=trial_id, point=point)


def ended(trial_id: str, **fields: object) -> TrialEnded:
    usual = {"number": 1, "at": datetime.now(UTC), "outcome": "finished", "worker_seconds": 1}
    return TrialEnded(trial_id=trial_id, **{**usual, **fields})  # type: ignore[arg-type]


def searched(points: Points, count: int) -> list[Tried]:
    """Let so many trials run one after the other; some diverge, are stopped, or run on."""
    rows = []
    for number, name in enumerate(IDS[:count]):
        point = points.give(name)
        assert point is not None
        row = Tried(trial_id=name, point=point, state="running")
        loss = loss_at(point)
        if number % 5 != 4:
            points.hear(measured(name, loss))
            outcome = {1: "diverged", 3: "stopped"}.get(number % 5, "finished")
            points.hear(ended(name, outcome=outcome))
            state = "stopped" if outcome == "stopped" else "ended"
            final = None if outcome == "diverged" else loss
            row = row.model_copy(update={"state": state, "epochs": 2, "loss": final})
        rows.append(row)
    return rows


@pytest.mark.parametrize("done", [0, 3, 11, 14])
def test_a_search_that_starts_over_goes_on_with_the_same_points(done: int) -> None:
    undisturbed = Points(known())
    rows = searched(undisturbed, done)
    again = Points(known(*rows))
    assert [again.give(name) for name in IDS[:done]] == [None] * done
    assert again.give(IDS[done]) == undisturbed.give(IDS[done])


def test_every_proposal_is_a_point_of_the_space() -> None:
    for row in searched(Points(known()), len(IDS)):
        assert refusal(SPACE, row.point) is None
        assert ("momentum" in row.point) == row.point["nesterov"]


def test_it_learns_where_losses_are_low_and_stays_away_from_what_diverged() -> None:
    tried: list[Tried] = []
    for number in range(40):
        point = propose(SPACE, tried, seed=number)
        bad = point["lr"] > 0.1  # type: ignore[operator]
        loss = None if bad else loss_at(point)
        tried.append(Tried(trial_id=f"t{number}", point=point, state="ended", loss=loss))
    early = sum(one.loss is None for one in tried[:10])
    assert sum(one.loss is None for one in tried[-10:]) < early
    best = [min(one.loss for one in part if one.loss) for part in (tried[:10], tried[-10:])]
    assert best[1] < best[0]


def test_a_trial_that_a_lost_worker_ended_says_nothing_of_its_point() -> None:
    points = Points(known())
    searched(points, 12)
    name = IDS[12]
    points.give(name)
    points.hear(ended(name, outcome="failed", failure=FailureKind.LOST_WORKER))
    without = Points(known())
    searched(without, 12)
    without.give(name)
    without._tried.pop(name)
    assert points.give(IDS[13]) == without.give(IDS[13])


def test_a_point_is_told_before_its_trial_begins_and_stays_when_it_begins_again() -> None:
    told: list[object] = []
    now = 0.0
    agenda = Agenda(
        [trial_plan("sgd", trial_id="t0", lr=9.0)],
        tell=told.extend,
        halt=lambda trial_id: None,
        points=Points(known()),
        clock=lambda: now,
    )
    first = agenda.begin()
    assert first is not None
    (event,) = told
    assert isinstance(event, TrialProposed)
    assert event.point.items() <= first.trial.settings.items()
    agenda.lost("t0", "gone")
    now = 10.0
    assert agenda.begin() == first
    assert told == [event]
