"""The checkpoint of several ranks: one set of files or another, never a mixture."""

import pytest
import torch

from service.contracts.events import MetricPoint
from tests.support.thread_ranks import on_ranks
from workers.checkpoint import Checkpoint, CheckpointDamaged, CheckpointStore, weights_of
from workers.ranks import ALONE

POINT = MetricPoint(
    epoch=1, step=3, training_seconds=0.1, elapsed_seconds=0.2, process_seconds=0.1,
    gradient_evaluations=3, train_loss=0.5,
)  # fmt: skip


def checkpoint(one, epoch=1, best=None):
    state = {
        "model": {"w": torch.tensor(epoch)},
        "scheduler": {"last_epoch": epoch},
        "optimizer": {"share": torch.tensor([epoch, one.rank])},
        "generators": {"cpu": torch.tensor(one.rank)},
    }
    points = (POINT.model_copy(update={"epoch": epoch}),)
    return Checkpoint("run", points, state, best_epoch=best)


def save(folder, *, ranks=2, epoch=1):
    on_ranks(ranks, lambda one: CheckpointStore(folder, one).save(checkpoint(one, epoch)))


def save_each(folder, *epochs_and_bests):
    """One process's checkpoints, one after the other."""

    def save_all(one):
        store = CheckpointStore(folder, one)
        store.load("run")
        for epoch, best in epochs_and_bests:
            store.save(checkpoint(one, epoch, best))
            one.gather((0.0,))  # as in each step: nobody is an epoch ahead

    on_ranks(2, save_all)


def load(folder, ranks):
    return on_ranks(ranks, lambda one: CheckpointStore(folder, one).load("run"))


def names(folder):
    return sorted(path.name.split("-")[0] for path in folder.iterdir())


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_each_rank_gets_back_what_is_its_own_and_what_all_share(tmp_path, ranks):
    save(tmp_path, ranks=ranks, epoch=4)
    for rank, loaded in enumerate(load(tmp_path, ranks)):
        assert loaded.ranks == ranks
        assert loaded.state["model"]["w"] == 4
        assert loaded.state["optimizer"]["share"].tolist() == [4, rank]
        assert loaded.state["generators"]["cpu"] == rank


def test_a_later_one_leaves_nothing_of_the_one_before(tmp_path):
    save(tmp_path, ranks=3)
    save(tmp_path, ranks=2, epoch=2)
    assert names(tmp_path) == ["checkpoint.pt", "share", "share"]
    save(tmp_path, ranks=1, epoch=3)
    assert names(tmp_path) == ["checkpoint.pt"]


def test_a_crash_between_the_shares_and_the_first_file_leaves_the_set_before(tmp_path):
    save(tmp_path)

    def save_shares_alone(one):
        store = CheckpointStore(tmp_path, one)
        store._share({"optimizer": {"share": torch.tensor([2, one.rank])}, "generators": {}})

    on_ranks(2, save_shares_alone)
    assert [c.state["optimizer"]["share"].tolist() for c in load(tmp_path, 2)] == [[1, 0], [1, 1]]
    assert names(tmp_path) == ["checkpoint.pt", *["share"] * 4]
    save(tmp_path, epoch=3)
    assert names(tmp_path) == ["checkpoint.pt", "share", "share"]


@pytest.mark.parametrize(("before", "now"), [(2, 1), (1, 2), (2, 3)])
def test_another_number_of_ranks_begins_its_random_numbers_anew(tmp_path, before, now):
    save(tmp_path, ranks=before)
    for loaded in load(tmp_path, now):
        assert loaded.ranks == before
        assert loaded.state["generators"] == {}
        assert loaded.state["optimizer"]["share"].tolist() == [1, 0]


@pytest.mark.parametrize("damage", ["cut", "missing", "of another moment"])
def test_a_share_that_is_not_the_one_that_was_written_is_refused(tmp_path, damage):
    save(tmp_path, ranks=2)
    first, second = sorted(tmp_path.glob("share-*.pt"))
    match damage:
        case "cut":
            first.write_bytes(first.read_bytes()[:-1])
        case "missing":
            first.unlink()
        case _:
            first.write_bytes(second.read_bytes())
    with pytest.raises(CheckpointDamaged):
        load(tmp_path, 1)


def test_one_rank_writes_one_file_as_before(tmp_path):
    CheckpointStore(tmp_path, ALONE).save(checkpoint(ALONE))
    assert names(tmp_path) == ["checkpoint.pt"]


def test_the_shares_of_the_best_stay_while_it_is_and_after_another_process(tmp_path):
    save_each(tmp_path, (1, 1), (2, 1))
    save_each(tmp_path, (3, 1))
    assert names(tmp_path) == ["best.pt", "checkpoint.pt", *["share"] * 4]
    best = on_ranks(2, lambda one: CheckpointStore(tmp_path, one).load_best("run"))
    assert [one.state["optimizer"]["share"].tolist() for one in best] == [[1, 0], [1, 1]]
    assert [one.state["optimizer"]["share"].tolist() for one in load(tmp_path, 2)] == [
        [3, 0],
        [3, 1],
    ]
    save_each(tmp_path, (4, 4))
    assert names(tmp_path) == ["best.pt", "checkpoint.pt", "share", "share"]


def test_the_weights_of_several_ranks_are_in_the_first_file(tmp_path):
    save_each(tmp_path, (1, 1), (2, 1))
    assert weights_of(tmp_path / "best.pt")["w"] == 1
