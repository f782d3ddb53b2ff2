"""A trial over several ranks under Ray: Tune runs a trainable that has a TorchTrainer train it."""

import logging
import os
import shutil
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import ray
import torch
from ray import train, tune
from ray.exceptions import RayActorError
from ray.train.torch import TorchConfig, TorchTrainer
from ray.tune.integration.ray_train import TuneReportCallback

from service.contracts.events import Event
from service.contracts.workers import Workers, fewest, most
from workers.capture import Capture, of_rank
from workers.context import TrialFolder, TrialPlan
from workers.memory_limit import MemoryGuard
from workers.orphans import give_back_orphans
from workers.ranks.group import GLOO, NCCL_TOO, Group
from workers.stall import StallGuard, WatchedFolder
from workers.trainable import EVENTS

CONTROL = {"node:__internal_head__": 0.001}
"""What a trial's own process reserves: a place beside the driver, so that only its ranks are lost
with another machine. A part of a CPU would lack where the ranks need all that there are."""
REPORT_SECONDS = 0.15
"""How often Train looks for what ranks report; 2 s by default, which would slow down each epoch."""


def train_gang(config: dict[str, Any]) -> None:
    """Train one trial over several ranks, which Train places together.

    Args:
        config: As that of :class:`workers.trainable.TrialTrainable`.
    """
    os.environ["RAY_TRAIN_HEALTH_CHECK_INTERVAL_S"] = str(REPORT_SECONDS)
    plan = TrialPlan.model_validate_json(config["plan"])
    # Where all machines see it, and of a new name: under one that was there, Train would go on.
    notes = _folder(plan, config).path / f"train-{uuid.uuid4().hex}"
    trainer = TorchTrainer(
        _train_rank,
        train_loop_config=config,
        scaling_config=train.ScalingConfig(
            num_workers=_asked(plan.workers),
            use_gpu=plan.use_gpu,
            resources_per_worker=config["bundle"],
        ),
        torch_config=TorchConfig(backend=_backend(use_gpu=plan.use_gpu)),
        run_config=train.RunConfig(
            name=notes.name,
            storage_path=str(notes.parent),
            callbacks=[TuneReportCallback()],
            failure_config=train.FailureConfig(max_failures=0),
            worker_runtime_env={"env_vars": _rank_environment(plan)},
            logging_config=train.LoggingConfig(log_level="ERROR"),
        ),
    )
    try:
        trainer.fit()
    except train.WorkerGroupError as error:
        tune.report({"events": told_last(error.worker_failures)})
    except RayActorError:  # the controller died
        give_back_orphans(config["bundle"])
        raise
    finally:
        shutil.rmtree(notes, ignore_errors=True)


def _asked(workers: Workers) -> int | tuple[int, int]:
    low, high = fewest(workers), most(workers)
    return high if low == high else (low, high)


def _backend(*, use_gpu: bool) -> str:
    """NCCL between GPUs; a torch without it has no CUDA either, which each rank says in words."""
    return NCCL_TOO if use_gpu and torch.distributed.is_nccl_available() else GLOO


def _rank_environment(plan: TrialPlan) -> dict[str, str]:
    """Variables of the ranks' processes, which are read before our code runs there."""
    variables = {"OMP_NUM_THREADS": str(plan.threads)}
    stays = fewest(plan.workers) == most(plan.workers)  # others may grow onto a new machine
    if stays and len([node for node in ray.nodes() if node["Alive"]]) == 1:
        variables["GLOO_SOCKET_IFNAME"] = "lo"
    return variables


def told_last(failures: dict[int, Exception]) -> str:
    """What the rank that failed first of all had not told yet, as JSON.

    Raises:
        Exception: Where all that is known is that a rank was lost: the trial can begin again.
    """
    from workers.ranks.training import RankFailed, cause

    found = {rank: getattr(error, "_base_exc", error) for rank, error in sorted(failures.items())}
    failure = cause([one for one in found.values() if isinstance(one, RankFailed)])
    if failure is None:
        deaths = [failures[r] for r, one in found.items() if not isinstance(one, RankFailed)]
        raise next(iter([*deaths, *failures.values()]))
    return failure.told


def _train_rank(config: dict[str, Any]) -> None:
    """What each rank does; torch is loaded here, in its own process."""
    from workers.ranks.training import RankFailed

    logging.getLogger().setLevel(logging.WARNING)  # else Train prints all that a rank reports
    plan = TrialPlan.model_validate_json(config["plan"])
    folder = _folder(plan, config)
    ranks = Group()
    path = Path(config["logs"]) / plan.trial.trial_id
    with Capture(of_rank(path, ranks.rank)), closing(MemoryGuard(path, plan.memory)) as memory:
        try:
            if ranks.rank > 0:
                _train(plan, folder, ranks)
                return
            # Whichever rank hangs, rank 0 comes to wait for it.
            with closing(StallGuard(path, config["stall_seconds"])) as guard:
                guard.alive()
                _train(plan, WatchedFolder(folder.path, guard.alive), ranks)
        except RankFailed as failure:
            memory.heard(failure.events)
            raise


def _train(plan: TrialPlan, folder: TrialFolder, ranks: Group) -> None:
    from workers.ranks.training import train as train_trial
    from workers.trial import Trial

    train_trial(Trial(plan, folder, ranks=ranks), ranks, _report)


def _folder(plan: TrialPlan, config: dict[str, Any]) -> TrialFolder:
    return TrialFolder.of(
        Path(config["storage"]), comparison_id=plan.comparison_id, trial_id=plan.trial.trial_id
    )


def _report(events: Sequence[Event]) -> None:
    train.report({"events": EVENTS.dump_json(tuple(events)).decode()})
