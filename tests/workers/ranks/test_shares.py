"""The checkpoint of several ranks: one set of files or another, never a mixture."""

import pytest
import torch

from tests.support.thread_ranks import on_ranks
from workers.checkpoint import Checkpoint, CheckpointDamaged, CheckpointStore
from workers.ranks import ALONE

CPU = torch.device("cpu")


def checkpoint(one, epoch=1):
    state = {
        "model": {"w": torch.tensor(epoch)},
        "scheduler": {"last_epoch": epoch},
        "optimizer": {"share": torch.tensor([epoch, one.rank])},
        "generators": {"cpu": torch.tensor(one.rank)},
    }
    return Checkpoint("run", (), state)


def save(folder, *, ranks=2, epoch=1):
    on_ranks(ranks, lambda one: CheckpointStore(folder, one).save(checkpoint(one, epoch)))


def load(folder, ranks):
    return on_ranks(ranks, lambda one: CheckpointStore(folder, one).load("run", CPU))


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
