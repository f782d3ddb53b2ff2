"""All kinds of harm, and on what each is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service_faults.full_disk import FILLS, fill, on_a_small_disk
from benchmarks.service_faults.harm import (
    KILLS,
    RESTARTS,
    Harm,
    kill_dispatcher,
    kill_web,
    restart_postgres,
)
from benchmarks.service_faults.plant import Plant, running
from benchmarks.service_faults.stepped_clock import STEPS, step, with_a_clock
from benchmarks.service_load import database

BOTH = ("sqlite", "postgres")


@contextmanager
def on(kind: str, folder: Path) -> Iterator[Plant]:
    """The control plane on a database of that kind."""
    with database(kind, folder) as url, running(url, folder) as plant:
        yield plant


@dataclass(frozen=True)
class Fault:
    """A kind of harm.

    Attributes:
        title: What is done.
        harm: Does it.
        times: How often one repetition does it.
        repeats: How many repetitions there are.
        databases: On what it is done.
        running: Gives the control plane on a kind of database, in a folder.
    """

    title: str
    harm: Harm
    times: int
    repeats: int = 1
    databases: tuple[str, ...] = BOTH
    running: Callable[[str, Path], AbstractContextManager[Plant]] = on


FAULTS: Mapping[str, Fault] = {
    "web": Fault("`kill -9` of the web", kill_web, KILLS, repeats=2),
    "dispatcher": Fault("`kill -9` of the dispatcher", kill_dispatcher, KILLS, repeats=2),
    "postgres": Fault(
        "PostgreSQL stopped at once, away for 2 s",
        restart_postgres,
        RESTARTS,
        databases=("postgres",),
    ),
    "disk": Fault("a full disk, for 6 s", fill, FILLS, running=on_a_small_disk),
    "clock": Fault(
        "the clock stepped by an hour, forwards and back, twice",
        step,
        len(STEPS),
        running=with_a_clock,
    ),
}
