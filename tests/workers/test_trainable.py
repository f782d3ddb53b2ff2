"""A process that trains one trial after another tells its memory's guard so."""

import weakref
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_training import trial_plan
from workers import trainable
from workers.trainable import TrialTrainable


class Guards:
    """Stands for the guards of memory, and keeps how they were made."""

    def __init__(self) -> None:
        self.used: list[bool] = []

    def __call__(self, path: Path, limit: int | None, *, used: bool = False) -> "Guards":
        self.used.append(used)
        return self

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> Guards:
    made = Guards()
    monkeypatch.setattr(trainable, "MemoryGuard", made)
    return made


def a_config(folder: Path) -> dict[str, Any]:
    return {
        "plan": trial_plan().model_dump_json(),
        "storage": str(folder),
        "logs": str(folder / "logs"),
        "stall_seconds": 60.0,
    }


def an_actor() -> TrialTrainable:
    return TrialTrainable.__new__(TrialTrainable)  # Tune's own beginning asks for a cluster


def test_all_but_the_first_trial_of_a_process_find_it_used(guards: Guards, tmp_path: Path) -> None:
    config = a_config(tmp_path)
    actor = an_actor()
    actor.setup(config)
    actor._begin()
    first = actor._trial
    assert first is not None
    first.itself = first  # type: ignore[attr-defined]  # so that counting references keeps it
    before = weakref.ref(first)
    del first
    for _ in range(2):
        actor.reset_config(config)
        actor._begin()
    actor.cleanup()
    assert guards.used == [False, True, True]
    assert before() is None


def test_a_process_that_loses_its_trial_to_another_leaves_what_that_one_wrote(
    guards: Guards, tmp_path: Path
) -> None:
    config = a_config(tmp_path)
    training, idle = an_actor(), an_actor()
    training.setup(config)
    training._begin()
    written = {path: path.stat().st_size for path in (tmp_path / "logs").iterdir()}
    assert written
    idle.setup(config)
    idle.reset_config(config)
    assert {path: path.stat().st_size for path in (tmp_path / "logs").iterdir()} == written
    idle._begin()
    assert guards.used == [False, False], "it had trained nothing"
    idle.cleanup()
    training.cleanup()
