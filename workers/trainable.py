"""A trial inside a Ray actor that Tune uses again for the next trial."""

import gc
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from ray import tune

from service.contracts.events import Event
from workers.capture import Capture
from workers.context import TrialFolder, TrialPlan
from workers.memory_limit import MemoryGuard
from workers.stall import StallGuard, WatchedFolder

if TYPE_CHECKING:
    from workers.trial import Trial

STEP_SECONDS = 0.25
"""Epochs are told together until this much time has passed: a result costs Tune about 10 ms."""
EVENTS = TypeAdapter(tuple[Event, ...])


class TrialTrainable(tune.Trainable):
    """Trains one trial after another in the same process, one worker each.

    Its configuration holds ``plan`` (a :class:`TrialPlan` as JSON), ``storage`` and ``logs`` (two
    folders), ``stall_seconds`` (how long it may make no step) and ``bundle`` (what Ray reserves for
    it); its results hold ``events`` (as JSON).
    """

    _used = False
    """Whether its process trained another trial before."""
    _trial: "Trial | None"
    """None until its first step."""

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """What one trial gets; the same for all trials of a study, so that actors fit the next."""
        return tune.PlacementGroupFactory([config["bundle"]])

    def setup(self, config: dict[str, Any]) -> None:
        """Get ready for a trial, of which nothing is touched before its first step.

        Tune may set a process up for one and then hand that one to another process.
        """
        logging.getLogger("ray.tune").setLevel(logging.ERROR)  # no words on how to write trainables
        self._config, self._trial = config, None
        if not self._used:
            _load()

    def _begin(self) -> None:
        config = self._config
        plan = TrialPlan.model_validate_json(config["plan"])
        path = Path(config["logs"]) / plan.trial.trial_id
        self._output = Capture(path)
        self._guard = StallGuard(path, config["stall_seconds"])
        self._memory = MemoryGuard(path, plan.memory, used=self._used)
        self._trial = _trial(plan, config, self._guard.alive)
        self._started = False

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Get ready for the next trial, without what the last one left as far as that goes."""
        self.cleanup()
        self._used = self._used or self._trial is not None
        self._trial = None
        gc.collect()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train for a moment, one epoch at the least; the result tells what happened."""
        if self._trial is None:
            self._begin()
        return self._train()

    def _train(self) -> dict[str, Any]:
        assert self._trial is not None
        self._guard.alive()
        until = time.monotonic() + STEP_SECONDS
        events: list[Event] = []
        if not self._started:
            self._started = True
            events.extend(self._trial.start())
        while not self._trial.ended and (not events or time.monotonic() < until):
            events.extend(self._trial.advance())
        self._guard.rest()
        self._memory.heard(events)
        if self._trial.ended:
            self.cleanup()
        return {"events": EVENTS.dump_json(tuple(events)).decode(), "done": self._trial.ended}

    def cleanup(self) -> None:
        """Keep the last of what was printed, and watch no more."""
        if self._trial is not None:
            self._output.close()
            self._guard.close()
            self._memory.close()


def _load() -> None:
    """Load torch and all that trials need, here in the actor, not in the driver."""
    import workers.trial  # noqa: F401
    from workers.memory import set_imports_apart

    set_imports_apart()


def _trial(plan: TrialPlan, config: dict[str, Any], alive: Callable[[], None]) -> "Trial":
    """The trial of a configuration."""
    from workers.trial import Trial

    folder = TrialFolder.of(
        Path(config["storage"]), comparison_id=plan.comparison_id, trial_id=plan.trial.trial_id
    )
    return Trial(plan, WatchedFolder(folder.path, alive))
