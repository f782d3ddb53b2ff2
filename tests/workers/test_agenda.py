"""What begins, what ends early and what begins again, with a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.exceptions import ActorDiedError

from service.contracts.events import (
    Environment,
    Event,
    MetricPoint,
    TrialEnded,
    TrialPoint,
    TrialStarted,
)
from service.contracts.states import FailureKind
from tests.support.tiny_training import trial_plan
from workers.agenda import LOST_WORKER_RESTARTS, Agenda
from workers.memory_limit import LEFT_OVER, PASSED
from workers.spending import Spending
from workers.storage import FAILED

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13", threads=1)
KILLED = (
    "Failure # 3 (occurred at 2026-01-01)\nTask was killed due to the node running low on memory."
)


class Study:
    """An agenda whose trials are run by hand.

    Attributes:
        now: The clock.
        told: The events that counted.
        halted: The trials that were to stop.
    """

    def __init__(self, trials: int = 3, *, budget: float | None = None, **spent: float) -> None:
        self.now = 100.0
        self.told: list[Event] = []
        self.halted: list[str] = []
        self.agenda = Agenda(
            [trial_plan(trial_id=f"t{number}") for number in range(trials)],
            tell=self.told.extend,
            halt=self.halted.append,
            spending=Spending(budget, spent, clock=lambda: self.now),
            clock=lambda: self.now,
        )

    def begin(self) -> str | None:
        plan = self.agenda.begin()
        return plan and plan.trial.trial_id

    def trained(self, trial_id: str, seconds: float, *, epoch: int = 1, ranks: int = 1) -> None:
        """The trial tells of an epoch, `seconds` after its own beginning."""
        point = MetricPoint(
            epoch=epoch, step=epoch, training_seconds=seconds, elapsed_seconds=seconds,
            process_seconds=seconds, gradient_evaluations=epoch, train_loss=1.0, ranks=ranks,
        )  # fmt: skip
        self.agenda.heard([TrialPoint(trial_id=trial_id, point=point)])

    def end(self, trial_id: str, seconds: float = 1.0, **fields: object) -> None:
        """The trial tells of its end, and its process leaves."""
        event = {"outcome": "finished", "at": datetime.now(UTC), "number": 1, **fields}
        ended = TrialEnded(trial_id=trial_id, worker_seconds=seconds, **event)  # type: ignore[arg-type]
        self.agenda.heard([ended])
        self.agenda.left(trial_id)

    @property
    def ends(self) -> dict[str, TrialEnded]:
        return {event.trial_id: event for event in self.told if isinstance(event, TrialEnded)}


def begun(study: Study) -> list[str | None]:
    return [study.begin(), study.begin(), study.begin(), study.begin()]


def test_trials_begin_in_their_order_and_the_agenda_is_over_with_the_last_of_them() -> None:
    study = Study()
    assert begun(study) == ["t0", "t1", "t2", None]
    study.end("t2")
    study.end("t0")
    assert not study.agenda.is_over
    study.end("t1")
    assert study.agenda.is_over


def test_a_lost_trial_begins_again_after_one_second_and_then_after_two() -> None:
    study = Study(trials=1)
    for pause in (1.0, 2.0):
        assert study.begin() == "t0"
        study.agenda.lost("t0", "its process died")
        assert study.agenda.pause_seconds() == pause
        study.now += pause - 0.01
        assert study.begin() is None
        assert not study.agenda.is_over
        study.now += 0.02
    assert study.begin() == "t0"
    assert study.told == []
    study.agenda.lost("t0", "its process died")
    assert study.agenda.is_over
    assert study.ends["t0"].failure is FailureKind.LOST_WORKER


def test_only_losses_since_it_came_farther_than_ever_count() -> None:
    study = Study(trials=1)
    for epoch in range(1, 6):
        assert study.begin() == "t0"
        study.agenda.heard([TrialStarted(trial_id="t0", number=0, at=NOW, environment=HERE)])
        study.trained("t0", 1.0 * epoch, epoch=epoch)
        study.agenda.lost("t0", "")
        assert study.agenda.pause_seconds() == 1.0
        study.now += 1
    for _ in range(LOST_WORKER_RESTARTS):
        assert study.begin() == "t0"
        study.trained("t0", 4.0, epoch=4)
        study.trained("t0", 5.0, epoch=5)
        study.agenda.lost("t0", "")
        study.now += 60
    assert study.agenda.is_over
    assert study.ends["t0"].failure is FailureKind.LOST_WORKER
    numbers = [event.number for event in study.told if isinstance(event, TrialStarted | TrialEnded)]
    assert numbers == [0, 2, 3, 4, 5, 1]


def test_where_the_storage_failed_it_gets_a_minute_to_come_back() -> None:
    study = Study(trials=1)
    for pause in (20.0, 40.0):
        study.begin()
        study.end("t0", outcome="failed", failure=FailureKind.LOST_WORKER, message=FAILED)
        assert study.agenda.pause_seconds() == pause
        study.now += pause


def test_each_beginning_of_a_trial_has_a_number_of_its_own_and_none_is_that_of_its_end() -> None:
    study = Study(trials=1)
    for _ in range(1 + LOST_WORKER_RESTARTS):
        assert study.begin() == "t0"
        study.agenda.heard([TrialStarted(trial_id="t0", number=0, at=NOW, environment=HERE)])
        study.agenda.lost("t0", "")
        study.now += 60
    numbers = [event.number for event in study.told if isinstance(event, TrialStarted | TrialEnded)]
    assert len(numbers) == len(set(numbers)) == 2 + LOST_WORKER_RESTARTS
    assert numbers[0] == 0


def test_a_trial_that_tells_its_history_again_has_cost_no_less_meanwhile() -> None:
    study = Study(trials=2, budget=10.0)
    study.begin()
    study.trained("t0", 9.0, epoch=3)
    study.agenda.lost("t0", "")
    study.now += 1
    study.begin()
    study.trained("t0", 2.0)
    study.now += 1.1
    study.agenda.check()
    assert study.ends["t0"].worker_seconds == pytest.approx(10.1)


def test_a_lost_trial_keeps_its_place_so_that_a_search_goes_on_in_its_order() -> None:
    study = Study()
    assert study.begin() == "t0"
    study.agenda.lost("t0", "")
    assert study.begin() is None
    study.now += 1
    assert [study.begin(), study.begin()] == ["t0", "t1"]


@pytest.mark.parametrize(
    ("report", "kind", "message"),
    [
        (str(ActorDiedError()), FailureKind.LOST_WORKER, "died"),
        ("", FailureKind.LOST_WORKER, "its process died"),
        (KILLED, FailureKind.OUT_OF_MEMORY, "Task was killed"),
        (f"{PASSED}: it has 2", FailureKind.OUT_OF_MEMORY, "it has 2"),
        (f"{LEFT_OVER}: it has 2", FailureKind.LOST_WORKER, "it has 2"),
    ],
)
def test_a_death_is_told_from_a_lack_of_memory_which_is_final_at_once(
    report: str, kind: FailureKind, message: str
) -> None:
    study = Study(trials=1)
    lives = 1 + LOST_WORKER_RESTARTS if kind is FailureKind.LOST_WORKER else 1
    for _ in range(lives):
        assert study.begin() == "t0"
        study.trained("t0", 3.5)
        study.agenda.lost("t0", report)
        study.now += 60
    assert study.agenda.is_over
    end = study.ends["t0"]
    assert (end.outcome, end.failure, end.worker_seconds) == ("failed", kind, 3.5)
    assert message in end.message


@pytest.mark.parametrize("failure", sorted(FailureKind))
def test_of_the_failures_that_a_trial_tells_of_a_lost_worker_alone_is_not_final(
    failure: FailureKind,
) -> None:
    study = Study(trials=1)
    study.begin()
    study.end("t0", outcome="failed", failure=failure, message="why")
    again = failure is FailureKind.LOST_WORKER
    assert study.agenda.is_over == study.agenda.has_ended("t0") == (not again)
    assert bool(study.ends) == (not again)


def test_at_the_budgets_end_nothing_begins_and_what_runs_stops_with_its_cost_so_far() -> None:
    study = Study(budget=10.0)
    study.begin()
    study.begin()
    study.trained("t0", 4.0)
    study.trained("t1", 3.0)
    study.now += 1.4
    study.agenda.check()
    assert study.ends == {}
    study.now += 0.1
    study.agenda.check()
    assert study.halted == ["t0", "t1"] or study.halted == ["t1", "t0"]
    assert {name: (end.outcome, end.worker_seconds) for name, end in study.ends.items()} == {
        "t0": ("stopped", 5.5), "t1": ("stopped", 4.5),
    }  # fmt: skip
    assert study.ends["t0"].message == "stopped: the search's 10 worker-seconds were spent"
    assert study.begin() is None
    assert study.ends["t2"].message == "not started: the search's 10 worker-seconds were spent"
    assert study.ends["t2"].worker_seconds == 0
    study.agenda.left("t0")
    study.agenda.left("t1")
    assert study.agenda.is_over


def test_what_a_stopped_trial_still_says_does_not_count() -> None:
    study = Study(trials=1, budget=1.0)
    study.begin()
    study.trained("t0", 2.0)
    told = len(study.told)
    study.trained("t0", 3.0, epoch=2)
    study.end("t0")
    assert len(study.told) == told
    assert study.agenda.is_over


def test_every_rank_of_a_trial_costs() -> None:
    study = Study(trials=1, budget=10.0)
    study.begin()
    study.trained("t0", 3.0, ranks=2)
    study.now += 1.5
    assert not study.halted
    study.now += 0.6
    study.agenda.check()
    assert study.halted == ["t0"]
    assert study.ends["t0"].worker_seconds == pytest.approx(10.2)


def test_each_rank_of_a_trial_spends() -> None:
    study = Study(budget=10.0)
    study.begin()
    study.trained("t0", 4.0, ranks=2)
    study.now += 0.9
    study.agenda.check()
    assert study.ends == {}
    study.now += 0.2
    study.agenda.check()
    assert study.ends["t0"].worker_seconds == pytest.approx(10.2)


def test_what_earlier_attempts_spent_counts() -> None:
    study = Study(budget=10.0, earlier=9.0)
    assert study.begin() == "t0"
    study.trained("t0", 1.0)
    assert study.begin() is None
    assert sorted(study.ends) == ["t0", "t1", "t2"]


def test_a_trial_that_waits_to_begin_again_costs_nothing_meanwhile() -> None:
    study = Study(trials=2, budget=10.0)
    study.begin()
    study.trained("t0", 9.0)
    study.agenda.lost("t0", "")
    study.now += 50
    assert study.begin() == "t0"


@given(
    costs=st.lists(st.floats(0.1, 10), min_size=1, max_size=8),
    budget=st.floats(0.1, 40),
)
def test_one_at_a_time_no_trial_begins_after_the_budget_and_each_ends_once(
    costs: Sequence[float], budget: float
) -> None:
    study = Study(len(costs), budget=budget)
    spent = 0.0
    for number, cost in enumerate(costs):
        trial_id = study.begin()
        assert (trial_id is not None) == (spent < budget)
        if trial_id is None:
            break
        assert trial_id == f"t{number}"
        study.trained(trial_id, cost)
        study.end(trial_id, cost)
        spent += cost
    ends = [event.trial_id for event in study.told if isinstance(event, TrialEnded)]
    assert len(ends) == len(set(ends))
    assert study.agenda.is_over or study.begin() is None
    assert study.agenda.is_over
    assert len(study.ends) == len(costs)
