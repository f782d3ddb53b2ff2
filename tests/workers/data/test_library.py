"""From the name of a data set to its arrays, and what is said where there are none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.data_files import idx, noise, write_cifar, write_digits, write_matrices
from tests.support.file_server import file_server
from workers.data import DataMissing, Library, State, UnknownDataSet
from workers.data.catalogue import built_in
from workers.data.curves_like import curves_like
from workers.data.dataset import DataSet
from workers.data.matlab import curves
from workers.data.places import Places
from workers.data.source import Checksum, Source


def shelf(dataset: DataSet, folder: Path, *, offline: bool = True) -> Library:
    places = Places(folder, folder.parent / "cache", offline=offline)
    return Library({dataset.name: dataset}, places)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def test_digits_come_from_their_files_and_then_from_the_cache(folder: Path) -> None:
    digits = write_digits(folder)
    library = shelf(digits, folder)
    first, again = library.arrays("mnist"), library.arrays("mnist")
    assert list(first) == ["train_pictures", "train_labels", "test_pictures", "test_labels"]
    assert np.array_equal(first["train_pictures"], noise(6, 4, 4))
    assert first["train_pictures"].filename == again["train_pictures"].filename


def test_other_files_give_other_arrays(folder: Path) -> None:
    digits = write_digits(folder)
    library = shelf(digits, folder)
    library.arrays("mnist")
    digits.sources[0].within(folder).write_bytes(idx(noise(6, 4, 4, seed=5)))
    assert np.array_equal(library.arrays("mnist")["train_pictures"], noise(6, 4, 4, seed=5))


def test_a_new_version_of_the_reader_makes_them_anew(folder: Path) -> None:
    library = shelf(curves_like(train=2, test=1), folder)
    library.arrays("curves-like")
    newer = replace(curves_like(train=2, test=1), version=99, read=lambda _: blank)
    blank = {"train": np.ones((2, 784), np.float32), "test": np.ones((1, 784), np.float32)}
    assert np.all(shelf(newer, folder).arrays("curves-like")["train"] == 1)


def test_a_file_with_another_checksum_is_refused_and_stays(folder: Path) -> None:
    cifar = write_cifar(folder)
    (source,) = cifar.sources
    wrong = replace(cifar, sources=(replace(source, checksum=Checksum("md5", "0" * 32)),))
    with pytest.raises(DataMissing, match=r"cifar-10-python.tar.gz is damaged.* not md5 0000"):
        shelf(wrong, folder).arrays("cifar10")
    assert source.within(folder).is_file()


def test_the_published_checksum_is_accepted(folder: Path) -> None:
    cifar = write_cifar(folder)
    (source,) = cifar.sources
    checksum = Checksum.of(source.within(folder), algorithm="md5")
    right = replace(cifar, sources=(replace(source, checksum=checksum),))
    assert len(shelf(right, folder).arrays("cifar10")["train_labels"]) == 10


def test_a_file_that_changed_since_it_was_fetched_is_refused(folder: Path) -> None:
    source = Source(path="curves/digs3pts_1.mat", mirrors=("",))
    rows = {"bdata": np.zeros((2, 784)), "bdatatest": np.zeros((1, 784))}
    write_matrices(source.within(folder), rows)
    library = shelf(curves(source, train=2, test=1), folder)
    library.arrays("curves")
    source.record(folder).write_text(f"{'0' * 64}  digs3pts_1.mat\n")
    with pytest.raises(DataMissing, match="is damaged or another file"):
        library.arrays("curves")


def test_without_a_network_the_file_its_address_and_its_place_are_named(folder: Path) -> None:
    library = Library(built_in(), Places(folder, folder / "cache", offline=True))
    with pytest.raises(DataMissing) as caught:
        library.arrays("faces")
    assert str(caught.value) == (
        "faces cannot be fetched: KBFGS_OFFLINE is set. Bring it by hand:\n"
        "  https://www.cs.toronto.edu/~jmartens/newfaces_rot_single.mat "
        f"as {folder}/faces/newfaces_rot_single.mat"
    )


def test_files_that_are_there_are_not_asked_for(folder: Path) -> None:
    write_digits(folder)
    (folder / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(DataMissing) as caught:
        Library(built_in(), Places(folder, folder / "cache", offline=True)).arrays("mnist")
    assert str(caught.value).count("\n") == 1


def test_missing_files_are_fetched_then_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    digits = write_digits(folder)
    with file_server() as server:
        served = []
        for source in digits.sources:
            path, address = source.within(folder), server.address(source.path)
            served.append(replace(source, mirrors=(address,), checksum=Checksum.of(path)))
            server.files[source.path] = path.read_bytes()
        for source in digits.sources[:2]:
            source.within(folder).unlink()
        library = shelf(replace(digits, sources=tuple(served)), folder, offline=False)
        assert library.state("mnist") is State.FETCHABLE
        assert np.array_equal(library.arrays("mnist")["train_pictures"], noise(6, 4, 4))
        assert len(server.asked) == 2
        assert library.state("mnist") is State.PRESENT


def test_a_set_of_several_files_has_published_checksums() -> None:
    """One without is read before it is put in place, which needs it to be the only one."""
    for dataset in built_in().values():
        if len(dataset.sources) > 1:
            assert all(source.checksum for source in dataset.sources)


def test_states_tell_how_a_set_can_be_had(folder: Path) -> None:
    def states(*, offline: bool) -> set[tuple[str, State]]:
        library = Library(built_in(), Places(folder, folder / "cache", offline=offline))
        return {(name, library.state(name)) for name in ("mnist", "mnist-5k", "curves-like")}

    made = {("mnist-5k", State.MADE_HERE), ("curves-like", State.MADE_HERE)}
    assert states(offline=False) == {*made, ("mnist", State.FETCHABLE)}
    assert states(offline=True) == {*made, ("mnist", State.MISSING)}
    write_digits(folder)
    assert states(offline=True) == {*made, ("mnist", State.PRESENT)}


def test_an_unknown_name_is_answered_with_those_there_are(folder: Path) -> None:
    with pytest.raises(
        UnknownDataSet, match=r"no data set 'mnits'; there are mnist, fashion-mnist"
    ):
        Library(built_in(), Places(folder, folder)).arrays("mnits")


def test_every_set_promises_a_layout_and_has_its_own_name() -> None:
    for name, dataset in built_in().items():
        assert dataset.name == name
        assert dataset.layout
        assert all(len(source.mirrors) > 0 for source in dataset.sources)


@pytest.mark.parametrize("word", ["yes", "2"])
def test_a_switch_that_is_neither_on_nor_off_is_refused(word: str) -> None:
    with pytest.raises(DataMissing, match=f"KBFGS_OFFLINE must be 1 or 0, got '{word}'"):
        Places.from_environment({"KBFGS_OFFLINE": word})
