"""What ranks agree on: the loss over all rows, when to stop, and when a trial begins anew."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import torch

from service.contracts.events import MetricPoint, TrialEnded
from service.contracts.states import FailureKind
from tests.support.thread_ranks import on_ranks
from tests.support.tiny_training import TinyAutoencoder, losses_of, trial_plan
from workers.context import TrialFolder
from workers.ranks import ALONE, Agreement, summed
from workers.ranks.training import RankFailed, cause, train
from workers.trial import Trial


def test_the_loss_is_the_mean_over_the_ranks_with_the_same_bits_on_all():
    found = on_ranks(3, lambda one: Agreement(one, lambda: False).loss(0.1 * 3**one.rank))
    assert found == [(0.1 + 0.1 * 3 + 0.1 * 9) / 3] * 3


def test_sums_are_added_in_the_order_of_the_ranks():
    numbers = (1e17, 1.0, -1e17)
    found = on_ranks(3, lambda one: summed(one, (numbers[one.rank],)))
    assert found == [[(1e17 + 1.0) - 1e17]] * 3


def test_all_stop_in_front_of_the_same_step_though_one_alone_has_seen_the_sign():
    def steps(one):
        asked = iter([False, False, True, True])
        agreement = Agreement(one, lambda: next(asked) if one.rank == 0 else False)
        done = 0
        while not agreement.stopped() and done < 10:
            agreement.loss(1.0)
            done += 1
        return done

    assert on_ranks(2, steps) == [3, 3]


def test_one_rank_asks_before_every_step_and_keeps_its_loss():
    asked = iter([False, True])
    agreement = Agreement(ALONE, lambda: next(asked))
    assert agreement.loss(0.3) == 0.3
    assert [agreement.stopped(), agreement.stopped()] == [False, True]


@pytest.fixture
def folder(tmp_path):
    return TrialFolder.of(tmp_path, comparison_id="c", trial_id="c-t0")


class FixedStart(TinyAutoencoder):
    """Begins with weights that no thread can take from another one's random numbers."""

    def build_model(self):
        model = super().build_model()
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in model.parameters():
                weight.copy_(torch.randn(weight.shape, generator=generator) / 4)
        return model


def trained(plan, folder, one):
    told = []
    train(Trial(plan, folder, problems=lambda name: FixedStart(), ranks=one), one, told.extend)
    return told


def test_every_rank_tells_the_same_and_costs_count_for_each(folder):
    plan = trial_plan(epochs=3)
    first, second = on_ranks(2, lambda one: trained(plan, folder, one))
    assert losses_of(first) == losses_of(second)
    assert first[0].environment.ranks == 2
    last = [event.point for event in first if hasattr(event, "point")][-1]
    assert isinstance(last, MetricPoint)
    assert first[-1].worker_seconds > 1.9 * last.elapsed_seconds


def test_a_second_costs_as_many_as_there_were_ranks_in_it(folder, monkeypatch):
    now = [0.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[0], perf_counter=lambda: now[0], process_time=lambda: now[0]
    )
    monkeypatch.setattr("workers.clock.time", clock)
    monkeypatch.setattr("workers.ranks.training.TELL_SECONDS", -1)  # after each epoch
    plan = trial_plan(epochs=3)
    alone = Trial(plan, folder, problems=lambda name: FixedStart())
    alone.start()
    now[0] += 1000
    alone.advance()

    def ten_seconds_each(one):
        told = []

        def report(events):
            told.extend(events)
            if one.rank == 0:  # whose clock counts
                now[0] += 10

        train(Trial(plan, folder, problems=lambda name: FixedStart(), ranks=one), one, report)
        return told

    told, _ = on_ranks(2, ten_seconds_each)
    costs = [event.point.worker_seconds for event in told if hasattr(event, "point")]
    assert costs == [0, 1000, 1020, 1040]
    assert told[-1].worker_seconds == 1040


def test_a_trial_that_was_stopped_before_its_start_begins_on_no_rank(folder):
    folder.cancel()
    assert on_ranks(2, lambda one: trained(trial_plan(), folder, one)) == [[], []]


def test_a_share_that_is_damaged_makes_every_rank_begin_anew(folder, caplog):
    plan = trial_plan(epochs=2)
    first, _ = on_ranks(2, lambda one: trained(plan, folder, one))
    damaged = sorted(folder.path.glob("share-*.pt"))[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with caplog.at_level(logging.ERROR):
        again = on_ranks(2, lambda one: trained(plan, folder, one))
    assert [events[0].resumed_from_epoch for events in again] == [0, 0]
    assert caplog.text.count("starting from the beginning") == 2
    assert losses_of(again[0]) == losses_of(first)


def test_a_failure_is_raised_with_what_was_not_told(folder):
    plan = trial_plan("adam", lr=-1.0)

    def failing(one):
        with pytest.raises(RankFailed) as raised:
            trained(plan, folder, one)
        return raised.value

    first, second = on_ranks(2, failing)
    assert [event.type for event in first.events] == ["trial_started", "trial_ended"]
    assert first.events[-1].failure is second.events[-1].failure is FailureKind.BAD_SETTING


def failure(kind):
    ended = TrialEnded(
        trial_id="c-t0", number=1, at=datetime.now(UTC), outcome="failed", failure=kind,
        worker_seconds=1.0,
    )  # fmt: skip
    return RankFailed(f"[{ended.model_dump_json()}]")


def test_the_cause_is_the_failure_that_is_no_lost_rank():
    lost, bug = failure(FailureKind.LOST_WORKER), failure(FailureKind.BUG)
    assert cause([lost, bug, failure(FailureKind.OUT_OF_MEMORY)]) is bug
    assert cause([lost, lost]) is None
