"""The kinds of harm: processes that are killed, a web that is away, disks that are full."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.faults.courses import Course
from tests.support.running_service import RunningService, running_service, wait_for
from tests.support.two_machines import ServiceOnTwo, service_on_two_machines, wait_for_machines

FOUND_WITHIN = 120.0
"""Seconds in which the process that is to be killed must be there."""
AWAY_SECONDS = 60.0
FULL_SECONDS = 20.0

Harm = Callable[[RunningService, str], None]
"""Does harm to a service, while the comparison of this id runs."""

ONE_WORKER: Mapping[str, Any] = {
    "name": "harmed",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "budget": {"epochs": 6},
    "tuning": {"trials": 2},
    "seeds": 2,
}
TWO_WORKERS: Mapping[str, Any] = {
    **ONE_WORKER,
    "contenders": [{"optimizer": "kbfgs"}],
    "budget": {"epochs": 8},
    "tuning": {"trials": 1},
    "seeds": 1,
    "workers": 2,
}


@dataclass(frozen=True)
class Fault:
    """A kind of harm.

    Attributes:
        title: What is done.
        harm: Does it.
        spec: The comparison that it is done to.
        running: Gives the service that runs it.
        told: What the comparison's logs say of it, which shows that it was felt.
    """

    title: str
    harm: Harm
    spec: Mapping[str, Any] = field(default_factory=lambda: ONE_WORKER)
    running: Callable[[], AbstractContextManager[RunningService]] = running_service
    told: str = ""

    def faults(self, ended: Course, undisturbed: Course) -> tuple[str, ...]:
        """What a comparison shows of it that it should not, or does not that it should."""
        lost = ended.faults(undisturbed, epochs=self.spec["budget"]["epochs"])
        felt = self.told in ended.log
        return lost if felt else (*lost, "the harm was not felt")


def kill(pattern: str) -> Harm:
    """``kill -9`` of the innermost process with this in its command line."""

    def harm(service: RunningService, _comparison: str) -> None:
        wait_for(lambda: service.processes(pattern), FOUND_WITHIN, pattern)[-1].kill()

    return harm


def kill_replaced(pattern: str) -> Harm:
    """The same of a process in whose place the service starts another."""

    def harm(service: RunningService, comparison: str) -> None:
        before = set(service.processes(pattern))
        kill(pattern)(service, comparison)
        wait_for(lambda: set(service.processes(pattern)) - before, FOUND_WITHIN, f"a new {pattern}")

    return harm


def kill_twice(pattern: str, *, children: str) -> Harm:
    """The same, and of the next one, as soon as the first of its own children is there."""

    def harm(service: RunningService, comparison: str) -> None:
        before = set(service.processes(children))
        kill(pattern)(service, comparison)
        wait_for(
            lambda: set(service.processes(children)) - before, FOUND_WITHIN, f"a new {children}"
        )
        kill(pattern)(service, comparison)

    return harm


def kill_head(service: RunningService, _comparison: str) -> None:
    """``kill -9`` of everything that Ray runs, workers included."""
    head = wait_for(lambda: service.processes("ray.scripts.scripts"), FOUND_WITHIN, "head")[0]
    for process in [*head.children(recursive=True), head]:
        _kill(process)


def machine_away(service: RunningService, _comparison: str) -> None:
    """``kill -9`` of all that runs on the second machine, which is back after a minute."""
    assert isinstance(service, ServiceOnTwo)
    service.second.kill()
    time.sleep(AWAY_SECONDS)
    service.second.join()
    wait_for_machines(service, 2)


def web_away(service: RunningService, _comparison: str) -> None:
    """The web answers nobody for a minute."""
    with _Suspended(_web(service)):
        time.sleep(AWAY_SECONDS)


def disk_full(service: RunningService, _comparison: str) -> None:
    """The driver's files may not grow, while the web is away and all must be kept there."""
    with _Suspended(_web(service)):
        driver = wait_for(lambda: service.processes("workers run"), FOUND_WITHIN, "driver")[-1]
        _, most = driver.rlimit(psutil.RLIMIT_FSIZE)
        driver.rlimit(psutil.RLIMIT_FSIZE, (1, most))
        time.sleep(FULL_SECONDS)
        if driver.is_running():
            driver.rlimit(psutil.RLIMIT_FSIZE, (most, most))


def half_a_checkpoint(service: RunningService, comparison: str) -> None:
    """The newest checkpoint is cut in half, and its trial's process killed."""
    storage = service.home / "storage" / comparison

    def newest() -> Path | None:
        found = [path for path in storage.glob("*/checkpoint*.pt") if path.is_file()]
        return max(found, key=lambda path: path.stat().st_mtime, default=None)

    actor = wait_for(lambda: service.processes(TRIAL_ACTOR), FOUND_WITHIN, TRIAL_ACTOR)[-1]
    path = wait_for(newest, FOUND_WITHIN, "checkpoint")
    actor.suspend()  # else it might replace the file between the cut and its end
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    actor.kill()


def _web(service: RunningService) -> psutil.Process:
    return wait_for(lambda: service.processes("api serve"), FOUND_WITHIN, "web")[-1]


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


class _Suspended:
    """A process that stands still for the body."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process

    def __enter__(self) -> None:
        self._process.suspend()

    def __exit__(self, *_error: object) -> None:
        if self._process.is_running():
            self._process.resume()


TRIAL_ACTOR = "ray::TrialTrainable.train"
"""As it is called while it trains: one that waits for a trial would not be missed."""
LOST = "ERROR workers.search: "
"""How a driver begins to tell of a trial whose process died; Ray's own words differ."""
FAULTS: Mapping[str, Fault] = {
    "trial": Fault("`kill -9` of a trial's actor", kill(TRIAL_ACTOR), told=LOST),
    "driver": Fault("`kill -9` of the driver", kill("workers run")),
    "supervisor": Fault("`kill -9` of the job supervisor", kill("ray::JobSupervisor")),
    "dispatcher": Fault("`kill -9` of the dispatcher", kill_replaced("service dispatch")),
    "web": Fault("`kill -9` of the web", kill_replaced("api serve")),
    "head": Fault("`kill -9` of the whole Ray head", kill_head),
    "away": Fault(f"the web away for {AWAY_SECONDS:g} s", web_away),
    "disk": Fault(
        f"the driver's disk full for {FULL_SECONDS:g} s, the web away meanwhile", disk_full
    ),
    "checkpoint": Fault(
        "a checkpoint cut in half, its trial killed", half_a_checkpoint, told="cannot be used"
    ),
    "rank": Fault("`kill -9` of one of two DDP workers", kill("ray::RayTrainWorker"), TWO_WORKERS),
    "controller": Fault(
        "`kill -9` of the train controller", kill("ray::TrainController"), TWO_WORKERS
    ),
    "controllers": Fault(
        "the same, and of the next one while its workers start",
        kill_twice("ray::TrainController", children="ray::RayTrainWorker"),
        TWO_WORKERS,
    ),
    "ranks-driver": Fault("`kill -9` of the driver, two workers", kill("workers run"), TWO_WORKERS),
    "node": Fault(
        f"`kill -9` of one of two machines, back after {AWAY_SECONDS:g} s",
        machine_away,
        running=service_on_two_machines,
    ),
}
