"""The trials of a study under Ray Tune: points drawn beforehand, actors used again."""

import logging
import math
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial as TuneTrial

from service.contracts.events import Event, TrialEnded, TrialPoint
from service.contracts.states import FailureKind
from workers.context import TrialPlan
from workers.resources import TrialResources
from workers.trainable import EVENTS, TrialTrainable

LOST_WORKER_RESTARTS = 2
"""How often a trial whose process died goes on from its checkpoint in another one."""
ENDED = 1
"""The number of the event that ends a trial."""
OUT_OF_MEMORY_SIGNS = ("low on memory", "memory usage threshold")
"""What Ray writes of processes that it killed for memory."""

logger = logging.getLogger(__name__)
Tell = Callable[[Sequence[Event]], None]


class SearchBroken(RuntimeError):
    """The trials could not be run, or what they told could not be kept."""


def run_trials(
    trials: Sequence[TrialPlan],
    resources: TrialResources,
    *,
    storage: Path,
    scratch: Path,
    logs: Path,
    tell: Tell,
) -> None:
    """Run the trials on the Ray cluster of this job and tell what happens as it happens.

    Trials begin in their order. One that fails ends alone; one whose process dies goes on from
    its checkpoint a few times.

    Args:
        trials: What to run.
        resources: What each of them gets, and whether one runs at a time.
        storage: Where their checkpoints are, the same on every machine.
        scratch: A folder for Tune's own files.
        logs: A folder for what they print, the same on every machine.
        tell: Takes events in their order; called in this thread.

    Raises:
        SearchBroken: If there is no cluster, or ``tell`` failed.
    """
    if not trials:
        return
    _connect()
    announcer = _Announcer(tell)
    configuration = {
        "plan": tune.grid_search([trial.model_dump_json() for trial in trials]),
        "storage": str(storage),
        "logs": str(logs),
        "cpus": resources.cpus,
        "gpus": resources.gpus,
    }
    tune.Tuner(
        TrialTrainable,
        param_space=configuration,
        tune_config=tune.TuneConfig(
            max_concurrent_trials=_at_once(resources),
            reuse_actors=True,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(scratch),
            verbose=0,
            callbacks=[announcer],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=LOST_WORKER_RESTARTS),
        ),
    ).fit()
    if announcer.broken is not None:
        raise SearchBroken(f"events could not be kept: {announcer.broken!r}") from announcer.broken


def _connect() -> None:
    """Join the cluster that this job belongs to, by its explicit address."""
    address = os.environ.get("RAY_ADDRESS", "")
    if not address or address == "auto":
        raise SearchBroken(
            f"RAY_ADDRESS must name the cluster, got {address!r}: the driver runs inside a Ray job"
        )
    os.environ.update(
        TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
        TUNE_DISABLE_SIGINT_HANDLER="1",
        TUNE_GLOBAL_CHECKPOINT_S="3600",
        TUNE_PRINT_ALL_TRIAL_ERRORS="0",
        RAY_AIR_NEW_OUTPUT="0",
        RAY_CHDIR_TO_TRIAL_DIR="0",
    )
    for noisy in ("ray.tune", "ray.tune.analysis.experiment_analysis"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    ray.init(address=address, logging_level=logging.WARNING)


def _at_once(resources: TrialResources) -> int:
    """How many trials fit the cluster, or one where nothing may run beside it."""
    if resources.exclusive:
        return 1
    cluster: dict[str, float] = ray.cluster_resources()
    fitting = [cluster.get("CPU", 0.0) / resources.cpus]
    if resources.gpus > 0:
        fitting.append(cluster.get("GPU", 0.0) / resources.gpus)
    return max(1, math.floor(min(fitting)))


class _Announcer(tune.Callback):
    """Hands on what the trials' results hold; Tune pickles it, so it leaves ``tell`` behind.

    An exception in a callback would end every trial, so the first one is kept for later.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell: Tell | None = tell
        self._elapsed: dict[str, float] = {}
        self.broken: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_tell": None, "_elapsed": {}, "broken": None}

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002 - Tune calls it by name
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,  # noqa: ARG002
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """A trial has trained for a moment."""
        events = EVENTS.validate_json(result["events"])
        for event in events:
            if isinstance(event, TrialPoint):
                self._elapsed[event.trial_id] = event.point.elapsed_seconds
        self._hand_on(events)

    def on_trial_error(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,
        **info: Any,  # noqa: ARG002
    ) -> None:
        """A trial's process died more often than is put up with."""
        plan = TrialPlan.model_validate_json(trial.config["plan"])
        report = str(trial.get_pickled_error() or trial.get_error() or "")
        logger.error("%s: %s", plan.trial.trial_id, report)
        self._hand_on([lost(plan, report, self._elapsed.get(plan.trial.trial_id, 0.0))])

    def _hand_on(self, events: Sequence[Event]) -> None:
        if self._tell is None or self.broken is not None:
            return
        try:
            self._tell(events)
        except Exception as error:
            logger.exception("events could not be kept")
            self.broken = error


def lost(plan: TrialPlan, report: str, elapsed_seconds: float) -> TrialEnded:
    """The end of a trial that its own process could not tell of.

    Args:
        plan: The trial.
        report: What Ray says of its process.
        elapsed_seconds: What it had cost when it was last heard of.
    """
    out_of_memory = any(sign in report for sign in OUT_OF_MEMORY_SIGNS)
    lines = [line for line in report.strip().splitlines() if not line.startswith("Failure #")]
    return TrialEnded(
        trial_id=plan.trial.trial_id,
        number=ENDED,
        at=datetime.now(UTC),
        outcome="failed",
        failure=FailureKind.OUT_OF_MEMORY if out_of_memory else FailureKind.LOST_WORKER,
        message=(lines or ["its process died"])[0][:500],
        worker_seconds=elapsed_seconds,
    )
