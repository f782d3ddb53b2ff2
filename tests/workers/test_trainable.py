"""A process that trains one trial after another tells its memory's guard so."""

import weakref
from pathlib import Path

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


def test_all_but_the_first_trial_of_a_process_find_it_used(guards: Guards, tmp_path: Path) -> None:
    config = {
        "plan": trial_plan().model_dump_json(),
        "storage": str(tmp_path),
        "logs": str(tmp_path / "logs"),
        "stall_seconds": 60.0,
    }
    actor = TrialTrainable.__new__(TrialTrainable)  # Tune's own beginning asks for a cluster
    actor.setup(config)
    first = actor._trial
    first.itself = first  # type: ignore[attr-defined]  # so that counting references keeps it
    before = weakref.ref(first)
    del first
    for _ in range(2):
        actor.reset_config(config)
    actor.cleanup()
    assert guards.used == [False, True, True]
    assert before() is None
