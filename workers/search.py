"""The trials of a study under Ray Tune: an agenda says which one begins, actors are used again."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from workers.agenda import Agenda
from workers.context import TrialPlan
from workers.machines import check_storage
from workers.memory_limit import what_was_too_much
from workers.resources import TrialResources
from workers.stall import innermost, where_it_hung
from workers.trainable import EVENTS, TrialTrainable

Done = TypeVar("Done")
logger = logging.getLogger(__name__)


class SearchBroken(RuntimeError):
    """The trials could not be run, or what they told could not be kept."""


def run_trials(
    agenda: Agenda, resources: TrialResources, *, storage: Path, scratch: Path, logs: Path
) -> None:
    """Run the trials of an agenda on the cluster that was joined, and let it hear what happens.

    A trial that fails ends alone; one whose process dies goes on from its checkpoint when the
    agenda says so.

    Args:
        agenda: What to run, in which order, and who is told.
        resources: What each trial gets, and whether one runs at a time.
        storage: Where their checkpoints are, the same on every machine.
        scratch: A folder for Tune's own files.
        logs: A folder for what they print, the same on every machine.

    Raises:
        SearchBroken: If the events could not be kept.
        StorageNotShared: If some machine does not see the storage.
    """
    if agenda.is_over:
        return
    check_storage(storage)
    link = _Link(agenda)
    tune.Tuner(
        TrialTrainable if resources.ranks == 1 else _gang(),
        param_space={
            "storage": str(storage),
            "logs": str(logs),
            "bundle": resources.bundle,
            "stall_seconds": resources.stall_seconds,
        },
        tune_config=tune.TuneConfig(
            search_alg=_Source(link),
            num_samples=-1,
            max_concurrent_trials=resources.at_once(ray.cluster_resources()),
            reuse_actors=resources.ranks == 1,
            trial_dirname_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="study",
            storage_path=str(scratch),
            verbose=0,
            callbacks=[_Listener(link)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    ).fit()
    if link.broken is not None:
        raise SearchBroken(f"events could not be kept: {link.broken!r}") from link.broken


def connect() -> None:
    """Join the cluster that this job belongs to, by its explicit address.

    Raises:
        SearchBroken: If the address is not known.
    """
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


def _gang() -> Any:
    """What trains trials over several ranks; it needs Ray Train, and that torch, so only then."""
    from workers.gang_trainable import CONTROL, train_gang

    return tune.with_resources(train_gang, tune.PlacementGroupFactory([CONTROL]))


class _Link:
    """The agenda as Tune's parts hold it: Tune pickles them, and then the agenda stays behind.

    An exception in one of them would end every trial, so the first one is kept for later.
    """

    def __init__(self, agenda: Agenda) -> None:
        self._agenda: Agenda | None = agenda
        self.broken: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_agenda": None, "broken": None}

    def do(self, act: Callable[[Agenda], Done]) -> Done | None:
        """Let the agenda do something, unless something went wrong before."""
        if self._agenda is None or self.broken is not None:
            return None
        try:
            return act(self._agenda)
        except Exception as error:
            logger.exception("events could not be kept")
            self.broken = error
            return None

    @property
    def is_over(self) -> bool:
        """Whether nothing will begin any more."""
        return self._agenda is None or self.broken is not None or self._agenda.is_over


class _Source(Searcher):
    """Gives Tune the trial that the agenda begins next."""

    def __init__(self, link: _Link) -> None:
        super().__init__()
        self._link = link

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # noqa: ARG002
        """The next trial's configuration, None to ask again later, or that there will be none."""
        plan = self._link.do(Agenda.begin)
        if plan is not None:
            return {"plan": plan.model_dump_json()}
        return Searcher.FINISHED if self._link.is_over else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the listener is told, with the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the rows are what a search goes on from."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing, for nothing is saved."""


class _Listener(tune.Callback):
    """Lets the agenda hear what becomes of the trials."""

    def __init__(self, link: _Link) -> None:
        self._link = link

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **info: Any) -> None:  # noqa: ARG002 - Tune calls these by name
        """Tune has looked at its trials, some ten times a second."""
        self._link.do(Agenda.check)

    def on_trial_result(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,  # noqa: ARG002
        result: dict[str, Any],
        **info: Any,  # noqa: ARG002
    ) -> None:
        """A trial has trained for a moment."""
        events = EVENTS.validate_json(result["events"])
        self._link.do(lambda agenda: agenda.heard(events))

    def on_trial_complete(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,
        **info: Any,  # noqa: ARG002
    ) -> None:
        """A trial has nothing more to do."""
        self._link.do(lambda agenda: agenda.left(_id(trial)))

    def on_trial_error(
        self,
        iteration: int,  # noqa: ARG002
        trials: list[TuneTrial],  # noqa: ARG002
        trial: TuneTrial,
        **info: Any,  # noqa: ARG002
    ) -> None:
        """A trial's process died, or was ended because it hung or took too much memory."""
        report = str(trial.get_pickled_error() or trial.get_error() or "")
        path = Path(trial.config["logs"]) / _id(trial)
        if word := what_was_too_much(path):
            report = word
        elif stacks := where_it_hung(path):
            limit = f"{trial.config['stall_seconds']:g} s"
            logger.error("%s made no step for %s:\n%s", _id(trial), limit, stacks)
            report = f"it hung: no step for {limit}, at {innermost(stacks)}"
        logger.error("%s: %s", _id(trial), report or "its process died")
        self._link.do(lambda agenda: agenda.lost(_id(trial), report))


def _id(trial: TuneTrial) -> str:
    return TrialPlan.model_validate_json(trial.config["plan"]).trial.trial_id
