"""The real service on SQLite with a key for each role, called in process or over a real socket."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.server import WebServer, listen
from service.bootstrap import Service, build
from service.contracts.events import Environment, Event, MetricPoint, TrialPoint, TrialStarted
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.domain.records import Role
from service.domain.tokens import StudyClaim, sign
from service.settings import Settings

DATABASE = "kbfgs.db"
SPEC: dict[str, object] = {
    "name": "two against each other",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "budget": {"epochs": 3},
    "tuning": {"trials": 2},
    "seeds": 6,
}


@dataclass(frozen=True)
class Site:
    """A service and who may ask it."""

    service: Service
    app: FastAPI
    keys: dict[Role, str]

    def asker(self, role: Role | None = Role.ADMIN) -> TestClient:
        """Someone with a key of that role, or without any; failures are answered, not raised."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"} if role else {}
        return TestClient(
            self.app,
            headers=headers,
            raise_server_exceptions=False,
            follow_redirects=False,
        )

    def bearer(self, secret: str) -> TestClient:
        """Someone with that secret."""
        client = self.asker(None)
        client.headers["Authorization"] = f"Bearer {secret}"
        return client

    def driver(self) -> "Driver":
        """Claims the next study as the dispatcher does, and speaks for it."""
        study = self.service.queue.claim(self.service.queue.queued()[0])
        assert study is not None
        return Driver(self, study.id, study.attempt)


@dataclass(frozen=True)
class Driver:
    """The driver of one attempt of a study."""

    site: Site
    study_id: str
    attempt: int

    @property
    def comparison(self) -> str:
        """The comparison whose study it is."""
        return self.study_id.rpartition("-")[0]

    @property
    def token(self) -> str:
        """Its study token."""
        claim = StudyClaim(self.study_id, self.attempt, datetime.now(UTC) + timedelta(hours=1))
        return sign(self.site.service.settings.signing_secret(), claim)

    def http(self) -> TestClient:
        """What it sends its requests with."""
        return self.site.bearer(self.token)

    def path(self, name: str) -> str:
        """The path of one of its requests."""
        return f"/v1/studies/{self.study_id}/{name}"


def started(trial_id: str) -> Event:
    """A trial began."""
    here = Environment(hostname="here", device="cpu", python="3.11", torch="2.13.0", threads=1)
    return TrialStarted(trial_id=trial_id, number=0, at=datetime.now(UTC), environment=here)


def reached(trial_id: str, epoch: int) -> Event:
    """A trial reached the end of an epoch."""
    point = MetricPoint(
        epoch=epoch,
        step=20 * epoch,
        training_seconds=epoch,
        elapsed_seconds=2 * epoch,
        process_seconds=epoch,
        gradient_evaluations=20 * epoch,
        train_loss=500.0 / (1 + epoch),
    )
    return TrialPoint(trial_id=trial_id, point=point)


def empty_database(folder: Path) -> Path:
    """A database with its tables and nothing in them, to be copied."""
    path = folder / DATABASE
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@contextmanager
def site(home: Path, database: Path, **settings: object) -> Iterator[Site]:
    """A service of its own on a copy of that database, with these settings."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(database, home / DATABASE)
    given = {"home": home, "database_url": "", "secret": "a secret of the tests", **settings}
    service = build(Settings.model_validate(given))
    try:
        keys = {role: service.keys.create(role, role).secret for role in Role}
        yield Site(service, create_app(service), keys)
    finally:
        service.close()


@contextmanager
def serving(service: Service, *, port: int = 0) -> Iterator[str]:
    """The web as `python -m api serve` runs it, until the body ends; its address."""
    with listen("127.0.0.1", port) as listening:
        server = WebServer(create_app(service))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + 20
            while not server.started:
                assert thread.is_alive(), "the web server ended at once"
                assert time.monotonic() < deadline, "the web server did not start"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            assert not thread.is_alive(), "the web server did not end"
