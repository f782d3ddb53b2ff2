"""The control plane as it runs for a team: two web processes and a dispatcher, watched over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from api.client import Client
from benchmarks.service_faults.stand_in import StandIn, standing_in
from service.bootstrap import Service, assemble
from service.contracts.states import ENDED_COMPARISONS
from service.contracts.webhooks import NewWebhook
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.domain.errors import StorageUnavailable
from service.domain.records import Role
from service.settings import Settings
from service.up.child import Child, Program, end_together
from service.up.home import free_ports
from tests.support.receivers import Receiver, receiving
from tests.support.running_service import ROOT, environment, wait_for

PATIENCE = 120.0
"""Seconds for which a client of the load tries a service that is away."""
LOOK_EVERY = 0.25
"""Seconds between two looks of who watches over the processes, as in `service up`."""
STEADY = 30.0
"""Seconds after which a process counts as having started well there."""
STARTS_WITHIN = 60.0
PROBE_SECONDS = 2.0


@dataclass
class Rested:
    """Seconds that only grow: between two kills a program may be taken to have run well."""

    skipped: float = 0.0

    def __call__(self) -> float:
        """The seconds so far."""
        return time.monotonic() + self.skipped

    def rest(self) -> None:
        """Let all that runs now have run for long, so that no kill counts as a bad start."""
        self.skipped += STEADY


@dataclass(frozen=True)
class Plant:
    """What harm is done to.

    Attributes:
        folder: Where all of it lies.
        url: Where the web answers.
        key: An admin's.
        service: The same service, to look at what is stored without asking the web.
        web: Its processes.
        dispatcher: Its process.
        cluster: Where its drivers run.
        receiver: Hears of each comparison's end.
        rested: The time by which the processes are watched over.
    """

    folder: Path
    url: str
    key: str
    service: Service
    web: Child
    dispatcher: Child
    cluster: StandIn
    receiver: Receiver
    rested: Rested

    def client(self) -> Client:
        """A client that waits for a service that is away."""
        return Client(self.url, self.key, patience=PATIENCE)

    def ready(self) -> bool:
        """Whether the web answers, and the database it."""
        try:
            return httpx.get(
                f"{self.url}/readyz", timeout=PROBE_SECONDS, trust_env=False
            ).is_success
        except httpx.HTTPError:
            return False

    def looked_at(self) -> object:
        """When the dispatcher last looked at the cluster, as far as the database says."""
        try:
            return self.service.cluster.view().measured_at
        except StorageUnavailable:
            return None

    def processes(self, child: Child) -> list[psutil.Process]:
        """A program's processes, the one that was started first."""
        parent = psutil.Process(wait_for(lambda: child.pid, STARTS_WITHIN, child.program.name))
        return [parent, *parent.children()]


@contextmanager
def running(
    database: str, folder: Path, *, home: Path | None = None, more: Mapping[str, str] | None = None
) -> Iterator[Plant]:
    """The control plane on a new database, until the body ends.

    Args:
        database: Its URL.
        folder: Where all else lies, the files of its drivers among it.
        home: The folder of its own files; by default one in there.
        more: Variables for its processes.
    """
    home = home or folder / "home"
    home.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    with standing_in() as cluster, receiving() as receiver:
        given = {
            "database_url": database,
            "ray_url": cluster.url,
            "storage": folder / "storage",
            "webhook_networks": "127.0.0.0/8",
            "key_requests": 0,
            "study_requests": 0,
        }
        variables = {**environment(home, port, **given), **(more or {})}
        service, key = _prepared(database, home, receiver)
        rested, said = Rested(), (home / "up.log").open("a")

        def child(name: str, *command: str) -> Child:
            program = Program(
                name, (sys.executable, "-m", *command), variables, home / f"{name}.log", ROOT
            )
            return Child(program, lambda line: print(line, file=said), rested)

        serve = ("api", "serve", "--port", str(port), "--processes", "2")
        web, dispatcher = child("web", *serve), child("dispatcher", "service", "dispatch")
        with said, closing(service), _watched(web, dispatcher):
            plant = Plant(
                folder=folder,
                url=f"http://127.0.0.1:{port}",
                key=key,
                service=service,
                web=web,
                dispatcher=dispatcher,
                cluster=cluster,
                receiver=receiver,
                rested=rested,
            )
            wait_for(plant.ready, STARTS_WITHIN, "the web")
            wait_for(plant.looked_at, STARTS_WITHIN, "the dispatcher")
            yield plant


def _prepared(database: str, home: Path, receiver: Receiver) -> tuple[Service, str]:
    """The service on a new schema, with an admin's key that has a webhook."""
    engine = open_engine(database)
    migrate(engine)
    service = assemble(Settings(home=home, database_url=database), engine)
    key = service.keys.create("load", Role.ADMIN).secret
    hears = NewWebhook(url=receiver.url(), states=tuple(ENDED_COMPARISONS))
    service.webhooks.create(hears, actor=service.keys.authenticate(key))
    return service, key


@contextmanager
def _watched(*children: Child) -> Iterator[None]:
    """Starts programs, and starts again what ends, as `service up` does; then ends them all."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(LOOK_EVERY):
            for child in children:
                child.watch()

    thread = threading.Thread(target=watch, daemon=True)
    for child in children:
        child.start()
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        end_together(*children, grace=3)
