"""Whole trials on gloo ranks, for tests that compare them with one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from service.contracts.checkpointing import CheckpointSpec
from service.contracts.events import Event, TrialStarted
from tests.support.tiny_training import TinyAutoencoder, losses_of, trial_plan
from workers.checkpoint import CheckpointStore
from workers.context import TrialFolder, TrialPlan
from workers.problems import Problem, Split, Splits
from workers.ranks import ALONE, Group, Ranks
from workers.trial import Trial

SEVERAL = (
    "kbfgs", "kbfgs-l", "kfac", "adam", "sgd", "rmsprop-paper", "muon", "soap", "shampoo",
)  # fmt: skip
"""One of each kind; lbfgs trains on one rank alone."""
RESUMED = ("kbfgs", "adam")
BATCH_SIZE = 9
"""Of 50 rows: ranks have 5 and 4, and in the last mini-batch 3 and 2."""


class Exact(TinyAutoencoder):
    """The tiny problem in float64, its sampled targets a function of the outputs alone."""

    def build_model(self) -> Any:
        return super().build_model().double()

    def load(self, device: torch.device) -> Splits:
        data = super().load(device)
        train, test = (part.inputs.double() for part in (data.train, data.test))
        return Splits(train=Split(train, train), test=Split(test, test))

    def sample_targets(self, outputs: Tensor) -> Tensor:
        return outputs.detach() + (100 * outputs.detach()).sin()


def exact(name: str) -> Problem:
    return Exact()


def with_dropout(name: str) -> Problem:
    return TinyAutoencoder(dropout=0.5)


def plan_of(optimizer: str, **changed: Any) -> TrialPlan:
    return trial_plan(optimizer, batch_size=BATCH_SIZE, **{"epochs": 2, **changed})


def told(
    plan: TrialPlan,
    folder: Path,
    *,
    problems: Callable[[str], Problem] = exact,
    ranks: Ranks = ALONE,
    lives: int = 1,
) -> list[Event]:
    """What the last of so many processes' lives tells, each of one epoch but the last."""
    for _ in range(lives - 1):
        trial = Trial(plan, TrialFolder(folder), problems=problems, ranks=ranks)
        trial.start()
        trial.advance()
    trial = Trial(plan, TrialFolder(folder), problems=problems, ranks=ranks)
    events = trial.start()
    while not trial.ended:
        events += trial.advance()
    return events


def whole_story(rank: int, root: str) -> dict[str, Any]:
    """All that the tests look at, by one start of the ranks."""
    folder, ranks = Path(root), Group()
    stories = {name: told(plan_of(name), folder / name, ranks=ranks) for name in SEVERAL}
    resumed = {}
    for name in RESUMED:
        for lives in (1, 3):
            place = folder / f"{name}-{lives}"
            events = told(
                plan_of(name, epochs=3), place, problems=with_dropout, ranks=ranks, lives=lives
            )
            resumed[name, lives] = losses_of(events)
    return {
        "free": {name: losses_of(events) for name, events in stories.items()},
        "ends": {name: events[-1] for name, events in stories.items()},
        "resumed": resumed,
        "older": {name: from_an_older_checkpoint(name, folder, ranks) for name in RESUMED},
        "saved": saved_by_seconds(folder, ranks),
        "diverged": told(plan_of("sgd", lr=1e6, epochs=9), folder / "far", ranks=ranks),
        "widened": losses_of(told(plan_of("kbfgs", epochs=3), folder / "one", ranks=ranks)),
        "stopped": stopped(rank, folder, ranks),
        "masks": torch.nn.functional.dropout(torch.ones(64)).tolist(),
    }


def from_an_older_checkpoint(name: str, folder: Path, ranks: Ranks) -> dict[str, Any]:
    """A trial that is lost an epoch after its checkpoint and goes on, beside one that is not."""
    plan = saved(plan_of(name, epochs=4), epochs=2)
    alone = told(plan, folder / f"{name}-whole", problems=with_dropout, ranks=ranks)
    place = folder / f"{name}-older"
    trial = Trial(plan, TrialFolder(place), problems=with_dropout, ranks=ranks)
    trial.start()
    for _ in range(3):
        trial.advance()
    events = told(plan, place, problems=with_dropout, ranks=ranks)
    assert isinstance(events[0], TrialStarted)
    return {
        "from": events[0].resumed_from_epoch,
        "losses": losses_of(events),
        "undisturbed": losses_of(alone),
    }


def saved_by_seconds(folder: Path, ranks: Ranks) -> list[int]:
    """The epochs at which a trial was saved last; the clock of rank 0 alone goes fast enough."""
    speed = 1e6 if ranks.rank == 0 else 1e-6
    clock = SimpleNamespace(
        monotonic=lambda: speed * time.monotonic(),
        perf_counter=time.perf_counter,
        process_time=time.process_time,
    )
    plan = saved(plan_of("adam", epochs=9), seconds=1)
    store, epochs = CheckpointStore(folder / "seconds", ranks), []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("workers.clock.time", clock)
        trial = Trial(plan, TrialFolder(folder / "seconds"), problems=exact, ranks=ranks)
        trial.start()
        for _ in range(3):
            trial.advance()
            ranks.gather((0.0,))  # rank 0 has written it
            last = store.load(plan.identity())
            assert last is not None
            epochs.append(last.points[-1].epoch)
            ranks.gather((0.0,))  # and all have read it
    return epochs


def saved(plan: TrialPlan, **policy: float) -> TrialPlan:
    """The plan with another policy of checkpoints."""
    checkpoint = CheckpointSpec.model_validate(policy)
    return plan.model_copy(update={"checkpoint": checkpoint})


def stopped(rank: int, folder: Path, ranks: Ranks) -> int:
    """The step before which a rank stops; rank 0 is told in the middle of the second epoch."""
    place = TrialFolder(folder / "stopped")
    trial = Trial(plan_of("adam", epochs=50), place, problems=exact, ranks=ranks)
    trial.start()
    trial.advance()
    if rank == 0:
        place.cancel()
    assert trial.advance() == []
    assert trial.ended
    assert trial._run is not None
    return trial._run._step
