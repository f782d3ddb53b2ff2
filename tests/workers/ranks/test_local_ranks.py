"""Trials over ranks on this machine: processes that stay, and that are replaced where they die."""

import os
import signal
from collections import Counter

import psutil
import pytest

from service.contracts.events import TrialEnded, TrialPoint, TrialStarted
from service.contracts.states import FailureKind
from service.contracts.workers import ElasticWorkers
from tests.support.tiny_training import losses_of, trial_plan
from workers.context import TrialFolder
from workers.ranks.gang import GangLost
from workers.ranks.local import LocalRanks, RanksRefused, ranks_here


def test_elastic_trials_take_what_the_machine_has_within_their_bounds(monkeypatch):
    monkeypatch.setattr("workers.ranks.local.os.cpu_count", lambda: 4)
    for low, high, wanted in ((1, 8, 4), (1, 2, 2), (6, 8, 6)):
        assert ranks_here(ElasticWorkers(min=low, max=high), use_gpu=False) == wanted
    assert ranks_here(16, use_gpu=False) == 16


def test_ranks_without_a_gpu_for_each_are_refused(monkeypatch):
    monkeypatch.setattr("workers.ranks.local.torch.cuda.device_count", lambda: 1)
    with pytest.raises(RanksRefused, match="workers: 2 of them need a GPU each, and here are 1"):
        ranks_here(2, use_gpu=True)
    assert ranks_here(ElasticWorkers(min=1, max=2), use_gpu=True) == 1


def a_plan(number, optimizer="kbfgs", **changed):
    return trial_plan(
        optimizer, problem="quadratic", batch_size=16, trial_id=f"c-t{number}", **changed
    ).model_copy(update={"workers": 2})


@pytest.mark.dist
@pytest.mark.training
def test_a_killed_rank_is_replaced_and_nothing_is_lost(tmp_path):
    ranks, undisturbed, disturbed, refused = LocalRanks(), [], [], []
    ranks.run(a_plan(0), TrialFolder(tmp_path / "t0"), undisturbed.extend)
    pids = ranks._gang.pids
    killed = []

    def kill_one_at_the_first_epoch(events):
        disturbed.extend(events)
        if not killed and any(isinstance(e, TrialPoint) and e.point.epoch for e in events):
            killed.append(pids[1])
            os.kill(pids[1], signal.SIGKILL)

    longer = a_plan(0, epochs=40)
    with pytest.raises(GangLost, match="rank 1 of 2 is gone"):
        ranks.run(longer, TrialFolder(tmp_path / "t1"), kill_one_at_the_first_epoch)
    ranks.run(longer, TrialFolder(tmp_path / "t1"), disturbed.extend)
    assert not set(pids) & set(ranks._gang.pids)
    starts = [event.resumed_from_epoch for event in disturbed if isinstance(event, TrialStarted)]
    assert len(starts) == 2
    assert starts[1] >= 1
    by_epoch = {e.point.epoch: e.point.train_loss for e in disturbed if isinstance(e, TrialPoint)}
    assert sorted(by_epoch) == list(range(41))
    assert [by_epoch[epoch] for epoch in range(4)] == [loss for loss, _ in losses_of(undisturbed)]
    ends = Counter(event.outcome for event in disturbed if isinstance(event, TrialEnded))
    assert ends == {"finished": 1}

    ranks.run(a_plan(2, "adam", lr=-1.0), TrialFolder(tmp_path / "t2"), refused.extend)
    assert refused[-1].failure is FailureKind.BAD_SETTING
    ranks.close()
    assert not [child for child in psutil.Process().children() if child.pid in pids]
