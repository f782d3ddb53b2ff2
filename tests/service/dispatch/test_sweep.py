"""Checkpoints go when their comparison has ended and nobody can write them, and not before."""

from pathlib import Path

import pytest

from service.contracts.states import ComparisonState
from service.dispatch.checkpoints import CheckpointFolders
from service.domain.ids import new_comparison_id
from tests.support.control_plane import PERSON, ControlPlane


def a_checkpoint(plane: ControlPlane, comparison_id: str) -> Path:
    """Write what a trial leaves; its comparison's folder."""
    folder = Path(plane.service.settings.storage_path) / comparison_id
    trial = folder / f"{comparison_id}-t0"
    trial.mkdir(parents=True)
    (trial / "checkpoint.pt").write_bytes(b"weights")
    return folder


def finish(plane: ControlPlane, comparison_id: str) -> None:
    """Run a comparison of one contender to its end; the last job goes on."""
    for _ in range(2):
        plane.tick()
        plane.driver().run()
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED


def end_jobs(plane: ControlPlane) -> None:
    for job in plane.cluster.jobs:
        plane.cluster.kill(job)


def alone(plane: ControlPlane) -> str:
    return plane.submit(contenders=[{"optimizer": "adam"}])


def test_a_finished_comparisons_checkpoints_go_once_its_jobs_are_over(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    folder = a_checkpoint(plane, comparison_id)
    finish(plane, comparison_id)
    plane.wait(60)
    assert folder.exists(), "a driver that has told its end still runs"
    end_jobs(plane)
    plane.wait(11)
    assert not folder.exists()
    assert folder.parent.is_dir()


def test_the_best_checkpoints_of_finals_stay_where_the_spec_says_so(plane: ControlPlane) -> None:
    asking, other = (
        plane.submit(contenders=[{"optimizer": "adam"}], checkpoint={"keep": keep})
        for keep in ("best", "nothing")
    )
    storage = Path(plane.service.settings.storage_path)
    for comparison_id in (asking, other):
        finish(plane, comparison_id)
        for trial in plane.service.trials.of(comparison_id):
            (storage / comparison_id / trial.id).mkdir(parents=True)
            (storage / comparison_id / trial.id / "best.pt").write_text(trial.kind)
    end_jobs(plane)
    plane.wait(11)
    assert sorted(path.name for path in storage.iterdir()) == ["best"]
    kept = [path for path in storage.rglob("*") if path.is_file()]
    finals = [trial.id for trial in plane.service.trials.of(asking) if trial.kind == "finals"]
    assert sorted(path.name for path in kept) == sorted(f"{trial}.pt" for trial in finals)
    assert {path.parent for path in kept} == {storage / "best" / asking}
    assert {path.read_text() for path in kept} == {"finals"}


def test_nothing_stays_of_a_cancelled_one_whatever_it_asked_for(plane: ControlPlane) -> None:
    comparison_id = plane.submit(contenders=[{"optimizer": "adam"}], checkpoint={"keep": "best"})
    plane.tick()
    plane.driver().run()
    plane.tick()  # its finals are queued
    folder = a_checkpoint(plane, comparison_id)
    for trial in plane.service.trials.of(comparison_id):
        (folder / trial.id).mkdir(exist_ok=True)
        (folder / trial.id / "best.pt").write_text(trial.kind)
    plane.service.control.cancel(comparison_id, actor=PERSON)
    end_jobs(plane)
    plane.wait(11)
    assert list(folder.parent.rglob("*.pt")) == []


def test_of_a_deleted_comparison_nothing_stays(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    finish(plane, comparison_id)
    folder = a_checkpoint(plane, comparison_id)
    kept = folder.parent / "best" / comparison_id
    other = folder.parent / "best" / new_comparison_id()
    for stays in (kept, other):
        stays.mkdir(parents=True)
    plane.service.control.delete(comparison_id, actor=PERSON)
    plane.wait(11)
    assert not kept.exists()
    assert folder.exists(), "a driver that has told its end still runs"
    end_jobs(plane)
    plane.wait(11)
    assert not folder.exists()
    assert other.exists(), "nobody deleted that one here"


def test_a_live_comparison_keeps_its_checkpoints(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    folder = a_checkpoint(plane, comparison_id)
    plane.tick()
    plane.cluster.kill(f"study-{comparison_id}-s0-1")
    plane.wait(30)
    assert (folder / f"{comparison_id}-t0" / "checkpoint.pt").exists()


def test_a_lost_attempt_that_still_runs_keeps_them(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    folder = a_checkpoint(plane, comparison_id)
    plane.tick()
    plane.driver().beat()
    plane.cluster.stubborn = True
    plane.wait(60)
    assert plane.driver().assignment.attempt == 2
    plane.driver().run()
    plane.tick()
    plane.driver().run()
    plane.cluster.kill(f"study-{comparison_id}-s0-2")
    plane.cluster.kill(f"study-{comparison_id}-s1-1")
    plane.wait(30)
    assert plane.service.comparisons.get(comparison_id).state is ComparisonState.FINISHED
    assert folder.exists()
    plane.cluster.jobs.clear()  # the cluster started afresh: whatever ran there is gone
    plane.wait(11)
    assert not folder.exists()


@pytest.mark.parametrize("ending", ["cancelled", "failed"])
def test_cancelled_and_failed_ones_go_as_well(plane: ControlPlane, ending: str) -> None:
    comparison_id = alone(plane)
    folder = a_checkpoint(plane, comparison_id)
    plane.tick()
    if ending == "cancelled":
        plane.service.control.cancel(comparison_id, actor=PERSON)
    for _ in range(30):
        end_jobs(plane)
        plane.tick(1)
    assert plane.service.comparisons.get(comparison_id).state == ending
    plane.wait(11)
    assert not folder.exists()


def test_those_of_a_cancelled_one_go_within_seconds_whenever_the_last_look_was(
    plane: ControlPlane,
) -> None:
    for seconds in range(5):
        comparison_id = alone(plane)
        folder = a_checkpoint(plane, comparison_id)
        plane.wait(10 + seconds)
        plane.service.control.cancel(comparison_id, actor=PERSON)
        plane.wait(3)
        assert not folder.exists()
        a_checkpoint(plane, comparison_id)  # by a trial that outlived its driver
        plane.wait(3)
        assert not folder.exists()


def test_what_a_crash_left_and_what_a_straggler_wrote_goes_later(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    finish(plane, comparison_id)
    end_jobs(plane)
    for _ in range(2):
        folder = a_checkpoint(plane, comparison_id)
        plane.restart_dispatcher()
        plane.tick()
        assert not folder.exists()


def test_nothing_is_removed_while_the_cluster_does_not_answer(plane: ControlPlane) -> None:
    comparison_id = alone(plane)
    folder = a_checkpoint(plane, comparison_id)
    finish(plane, comparison_id)
    end_jobs(plane)
    plane.cluster.away = True
    plane.wait(30)
    assert folder.exists()


def test_what_is_no_comparison_of_this_service_stays(plane: ControlPlane, tmp_path: Path) -> None:
    ended = alone(plane)
    finish(plane, ended)
    end_jobs(plane)
    storage = Path(plane.service.settings.storage_path)
    unknown = a_checkpoint(plane, new_comparison_id())
    notes = storage / "notes"
    notes.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (storage / ended).symlink_to(outside)
    plane.wait(30)
    assert unknown.exists()
    assert notes.exists()
    assert (outside / "precious").exists()


@pytest.mark.parametrize("name", ["..", ".", "", "a/../../b", "notes", "abcdefghij/x"])
def test_only_an_id_names_a_folder_to_remove(tmp_path: Path, name: str) -> None:
    folders = CheckpointFolders(tmp_path / "storage")
    with pytest.raises(ValueError, match="is no comparison's id"):
        folders.remove(name)


def test_what_is_not_there_needs_no_removal(tmp_path: Path) -> None:
    folders = CheckpointFolders(tmp_path / "storage")
    assert folders.comparisons() == ()
    folders.remove(new_comparison_id())


def test_a_folder_that_cannot_be_removed_is_told_once_and_holds_up_nobody(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = alone(plane), alone(plane)
    stuck, other = sorted(a_checkpoint(plane, one) for one in (first, second))
    finish(plane, first)
    finish(plane, second)
    end_jobs(plane)
    remove = CheckpointFolders.remove

    def refuse(self: CheckpointFolders, comparison_id: str) -> None:
        if comparison_id == stuck.name:
            raise PermissionError(13, "Permission denied", str(stuck))
        remove(self, comparison_id)

    monkeypatch.setattr(CheckpointFolders, "remove", refuse)
    plane.wait(60)
    assert stuck.exists()
    assert not other.exists()
    assert caplog.text.count("cannot be cleared") == 1
