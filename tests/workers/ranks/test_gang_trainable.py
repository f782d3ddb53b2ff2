"""What a trial over several ranks asks of a cluster, and how its failures are told apart."""

from datetime import UTC, datetime

import pytest

from service.contracts.events import TrialEnded
from service.contracts.states import FailureKind
from workers.gang_trainable import told_last
from workers.ranks.training import RankFailed
from workers.resources import TrialResources


@pytest.mark.parametrize(
    ("cpus", "gpus", "ranks", "cluster", "trials"),
    [
        (1, 0, 2, {"CPU": 2}, 1),
        (1, 0, 2, {"CPU": 5}, 2),
        (0.5, 0, 4, {"CPU": 4}, 2),
        (1, 1, 2, {"CPU": 64, "GPU": 8}, 4),
        (1, 0.25, 1, {"CPU": 64, "GPU": 2}, 8),
        (4, 0, 4, {"CPU": 8}, 1),
    ],
)
def test_trials_run_beside_each_other_as_all_of_their_ranks_fit(cpus, gpus, ranks, cluster, trials):
    resources = TrialResources(cpus=cpus, gpus=gpus, exclusive=False, ranks=ranks)
    assert resources.at_once(cluster) == trials


def test_finals_run_one_at_a_time_whatever_fits():
    resources = TrialResources(cpus=1, gpus=0, exclusive=True, ranks=2)
    assert resources.at_once({"CPU": 64}) == 1


def failed(kind):
    ended = TrialEnded(
        trial_id="c-t0", number=1, at=datetime.now(UTC), outcome="failed", failure=kind,
        worker_seconds=1.0,
    )  # fmt: skip
    return RankFailed(f"[{ended.model_dump_json()}]")


class Died(Exception):
    """As Ray says that an actor died."""


def test_a_rank_that_failed_by_itself_ends_the_trial_and_not_those_that_lost_it():
    failure = failed(FailureKind.OUT_OF_MEMORY)
    assert told_last({0: failed(FailureKind.LOST_WORKER), 1: failure}) == failure.told


def test_a_rank_that_died_without_a_word_is_raised_so_that_the_trial_begins_again():
    with pytest.raises(Died):
        told_last({1: Died(), 0: failed(FailureKind.LOST_WORKER)})
