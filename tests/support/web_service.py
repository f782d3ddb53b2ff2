"""The real service on SQLite behind a real web server, and a driver that the test plays."""

import math
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn

from api.app import create_app
from service.bootstrap import Service, assemble
from service.contracts.events import (
    Environment,
    Event,
    EventBatch,
    MetricPoint,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialStarted,
)
from service.contracts.plan import StudyAssignment, TrialAssignment
from service.contracts.states import FailureKind
from service.contracts.usage import Phase, Usage
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.domain.records import Actor, Role
from service.domain.tokens import StudyClaim, sign
from service.settings import Settings
from tests.support.catalogues import TINY_CLASSES, with_classes

HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13.0", threads=1)
RATES = {"kbfgs": 1.2, "adam": 0.5}
"""How fast the losses fall that the test's driver makes up, by optimizer."""


@dataclass(frozen=True)
class WebService:
    """A service, and where its web answers."""

    service: Service
    url: str
    tester: Actor
    """An admin, with a key."""

    def login_link(self) -> str:
        """A link that opens a session once."""
        return f"{self.url}/login?token={self.service.keys.issue_login_token(self.tester.key_id)}"

    def submit(self, **fields: object) -> str:
        """A small comparison of two contenders; its id."""
        document = {
            "name": "two against each other",
            "problems": ["mnist-5k-autoencoder"],
            "contenders": [{"optimizer": name} for name in RATES],
            "budget": {"epochs": 3},
            "tuning": {"trials": 2},
            "seeds": 6,
        }
        return self.service.comparisons.create({**document, **fields}, actor=self.tester).id

    def next_study(self) -> "PlayedDriver | None":
        """Claim the next queued study as the dispatcher does, and drive it; None without one."""
        waiting = self.service.queue.queued()
        study = self.service.queue.claim(waiting[0]) if waiting else None
        if study is None:
            return None
        claim = StudyClaim(study.id, study.attempt, datetime.now(UTC) + timedelta(hours=1))
        token = sign(self.service.settings.signing_secret(), claim)
        http = httpx.Client(
            base_url=f"{self.url}/v1/studies/{study.id}",
            headers={"Authorization": f"Bearer {token}"},
        )
        answer = http.get("/assignment").raise_for_status()
        return PlayedDriver(http, StudyAssignment.model_validate_json(answer.content))


@dataclass(frozen=True)
class PlayedDriver:
    """A study driver that makes its figures up and sends them as a real one does."""

    http: httpx.Client
    assignment: StudyAssignment

    def send(self, events: Sequence[Event]) -> None:
        """Send a batch of events."""
        batch = EventBatch(attempt=self.assignment.attempt, events=tuple(events))
        self.http.post("/events", content=batch.model_dump_json()).raise_for_status()

    def begin(self, trial: TrialAssignment) -> None:
        """The trial starts."""
        self.send([_started(trial)])

    def reach(self, trial: TrialAssignment, epoch: int) -> None:
        """The trial reaches the end of that epoch; 0 stands for the initial weights."""
        self.send([self._reached(trial, epoch)])

    def finish(self, trial: TrialAssignment) -> None:
        """The trial ends well."""
        self.send([_ended(trial)])

    def fail(self, trial: TrialAssignment, message: str) -> None:
        """The trial starts, and its code raises."""
        bug = {"outcome": "failed", "failure": FailureKind.BUG, "message": message}
        self.send([_started(trial), _ended(trial).model_copy(update=bug)])

    def diverge(self, trial: TrialAssignment) -> None:
        """The trial starts, and its loss becomes infinite."""
        self.send([_started(trial), _ended(trial).model_copy(update={"outcome": "diverged"})])

    def run(self, trial: TrialAssignment) -> None:
        """The whole of a trial."""
        curve = (self._reached(trial, epoch) for epoch in range(self.assignment.epochs + 1))
        self.send([_started(trial), *curve, _ended(trial)])

    def end(self) -> None:
        """The study is over."""
        self.send([StudyEnded(at=datetime.now(UTC), outcome="finished")])
        self.http.close()

    def _reached(self, trial: TrialAssignment, epoch: int) -> Event:
        return TrialPoint(trial_id=trial.trial_id, point=self._point(trial, epoch))

    def _point(self, trial: TrialAssignment, epoch: int) -> MetricPoint:
        spread = 1 + (trial.seed % 97) / 5000
        seconds = 0.5 * epoch * spread
        loss = spread * (50 + 490 * math.exp(-RATES[trial.optimizer] * epoch))
        classes = self.assignment.problem == TINY_CLASSES.name
        return MetricPoint(
            epoch=epoch,
            step=20 * epoch,
            training_seconds=seconds,
            elapsed_seconds=2 * seconds,
            process_seconds=seconds,
            gradient_evaluations=20.0 * epoch,
            train_loss=loss,
            test_loss=1.05 * loss,
            validation_loss=1.1 * loss if classes else None,
            train_accuracy=1 - loss / 600 if classes else None,
            validation_accuracy=1 - loss / 590 if classes else None,
            test_accuracy=1 - loss / 580 if classes else None,
        )


def _started(trial: TrialAssignment) -> Event:
    now = datetime.now(UTC)
    return TrialStarted(trial_id=trial.trial_id, number=0, at=now, environment=HERE)


def _ended(trial: TrialAssignment) -> Event:
    return TrialEnded(
        trial_id=trial.trial_id,
        number=1,
        at=datetime.now(UTC),
        outcome="finished",
        worker_seconds=20.0,
        usage=Usage(phases={Phase.FIRST_PASS: 1.0}, peak_memory_bytes=412_000_000),
    )


@contextmanager
def web_service(home: Path) -> Iterator[WebService]:
    """The service in that folder, served on a free port of this machine until the body ends."""
    settings = Settings(home=home)
    home.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database)
    migrate(engine)
    service = assemble(settings, engine, catalogue=with_classes())
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(service), log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            _wait_until_started(server, thread)
            tester = service.keys.authenticate(service.keys.create("tester", Role.ADMIN).secret)
            yield WebService(service, f"http://127.0.0.1:{listening.getsockname()[1]}", tester)
        finally:
            server.should_exit = True
            thread.join(timeout=10)
            service.close()


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive(), "the web server ended at once"
        assert time.monotonic() < deadline, "the web server did not start"
        time.sleep(0.05)
