"""Checkpoints: whole, atomic, of the right run, or refused."""

import pytest
import torch

from service.contracts.events import MetricPoint
from workers.checkpoint import Checkpoint, CheckpointDamaged, CheckpointStore, weights_of
from workers.sealed import seal

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
    loaded = store.load("run")
    assert loaded.points == (POINT,)
    assert torch.equal(loaded.state["x"], torch.arange(3.0))
    assert loaded.diverged is None


def test_there_is_none_before_the_first(store):
    assert store.load("run") is None


def test_a_later_one_takes_the_place_of_the_one_before_and_leaves_nothing_else(store, tmp_path):
    store.save(checkpoint())
    store.save(checkpoint(state=None, diverged="loss 1e9"))
    assert store.load("run").diverged == "loss 1e9"
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
    assert store.load("run").diverged is None
    assert [path.name for path in (tmp_path / "c" / "t").iterdir()] == ["checkpoint.pt"]


def test_one_of_another_run_is_refused(store):
    store.save(checkpoint())
    with pytest.raises(CheckpointDamaged, match="other settings"):
        store.load("another run")


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
        store.load("run")


def of_epoch(epoch, *, best):
    point = POINT.model_copy(update={"epoch": epoch})
    state = {"model": {"w": torch.tensor(float(epoch))}}
    return checkpoint(points=(point,), state=state, best_epoch=best)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_best_stays_beside_the_last_and_leaves_nothing_else(tmp_path):
    store = CheckpointStore(tmp_path)
    for epoch, best in enumerate([0, 1, 1, 1]):
        store.save(of_epoch(epoch, best=best))
        assert weights_of(tmp_path / "best.pt")["w"] == best
        assert weights_of(tmp_path / "checkpoint.pt")["w"] == epoch
        assert names(tmp_path) == ["best.pt", "checkpoint.pt"]
    assert store.load("run").best_epoch == 1


def test_one_file_under_two_names_takes_the_room_of_one(tmp_path):
    CheckpointStore(tmp_path).save(of_epoch(1, best=1))
    assert (tmp_path / "best.pt").samefile(tmp_path / "checkpoint.pt")


def test_where_files_have_one_name_alone_the_best_is_a_copy(tmp_path, monkeypatch):
    def refuse(self, target):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    CheckpointStore(tmp_path).save(of_epoch(1, best=1))
    assert weights_of(tmp_path / "best.pt")["w"] == 1
    assert names(tmp_path) == ["best.pt", "checkpoint.pt"]


def test_a_best_one_that_was_killed_before_it_had_its_second_name_gets_it(tmp_path, monkeypatch):
    CheckpointStore(tmp_path).save(of_epoch(1, best=1))

    def die(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("workers.checkpoint.name_too", die)
        with pytest.raises(KeyboardInterrupt):
            CheckpointStore(tmp_path).save(of_epoch(2, best=2))
    assert weights_of(tmp_path / "best.pt")["w"] == 1
    for _ in range(2):
        assert CheckpointStore(tmp_path).load("run").best_epoch == 2
        assert weights_of(tmp_path / "best.pt")["w"] == 2
        assert names(tmp_path) == ["best.pt", "checkpoint.pt"]


def test_a_checkpoint_from_before_there_was_a_best_is_read(tmp_path):
    seal(
        tmp_path / "checkpoint.pt",
        {"identity": "run", "points": "[]", "state": {}, "diverged": None},
    )
    assert CheckpointStore(tmp_path).load("run").best_epoch is None


def test_one_that_diverged_has_no_weights(tmp_path):
    CheckpointStore(tmp_path).save(checkpoint(state=None, diverged="loss 1e9"))
    with pytest.raises(CheckpointDamaged, match="diverged"):
        weights_of(tmp_path / "checkpoint.pt")
