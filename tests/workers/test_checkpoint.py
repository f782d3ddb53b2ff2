"""Checkpoints: whole, atomic, of the right run, or refused."""

import pytest
import torch

from service.contracts.events import MetricPoint
from workers.checkpoint import Checkpoint, CheckpointDamaged, CheckpointStore

CPU = torch.device("cpu")
POINT = MetricPoint(
    epoch=1, step=3, training_seconds=0.1, elapsed_seconds=0.2, process_seconds=0.1,
    gradient_evaluations=3, train_loss=0.1 + 0.2, test_loss=None,
)  # fmt: skip


def checkpoint(**changed):
    fields = {"identity": "run", "points": (POINT,), "state": {"x": torch.arange(3.0)}}
    return Checkpoint(**{**fields, **changed})


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "c" / "t")


def test_what_was_saved_is_loaded_to_the_last_bit(store):
    store.save(checkpoint())
    loaded = store.load("run", CPU)
    assert loaded.points == (POINT,)
    assert torch.equal(loaded.state["x"], torch.arange(3.0))
    assert loaded.diverged is None


def test_there_is_none_before_the_first(store):
    assert store.load("run", CPU) is None


def test_a_later_one_takes_the_place_of_the_one_before_and_leaves_nothing_else(store, tmp_path):
    store.save(checkpoint())
    store.save(checkpoint(state=None, diverged="loss 1e9"))
    assert store.load("run", CPU).diverged == "loss 1e9"
    assert [path.name for path in (tmp_path / "c" / "t").iterdir()] == ["checkpoint.pt"]


def test_whoever_reads_while_it_is_replaced_has_the_one_before_whole(store, tmp_path):
    store.save(checkpoint())
    path = tmp_path / "c" / "t" / "checkpoint.pt"
    before = path.read_bytes()
    with path.open("rb") as reader:
        store.save(checkpoint(state=None, diverged="loss 1e9"))
        assert reader.read() == before


def test_a_crash_while_writing_leaves_the_one_before(store, tmp_path, monkeypatch):
    store.save(checkpoint())

    def crash(descriptor):
        raise OSError("no space left on device")

    monkeypatch.setattr("workers.sealed.os.fsync", crash)
    with pytest.raises(OSError, match="no space"):
        store.save(checkpoint(diverged="never written"))
    assert store.load("run", CPU).diverged is None
    assert [path.name for path in (tmp_path / "c" / "t").iterdir()] == ["checkpoint.pt"]


def test_one_of_another_run_is_refused(store):
    store.save(checkpoint())
    with pytest.raises(CheckpointDamaged, match="other settings"):
        store.load("another run", CPU)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign"])
def test_a_damaged_one_is_refused(store, tmp_path, damage):
    store.save(checkpoint())
    path = tmp_path / "c" / "t" / "checkpoint.pt"
    content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    broken = {"cut": content[:middle], "flip": flipped, "empty": b"", "foreign": b"PK" + content}
    path.write_bytes(broken[damage])
    with pytest.raises(CheckpointDamaged):
        store.load("run", CPU)
