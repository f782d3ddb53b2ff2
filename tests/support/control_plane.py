"""The service and its dispatcher with a cluster, a web and a time that the test holds in hand."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from service.bootstrap import Service, assemble
from service.contracts.catalogue import Catalogue
from service.contracts.events import (
    Environment,
    Event,
    EventBatch,
    Heartbeat,
    MetricPoint,
    StudyEnded,
    TrialEnded,
    TrialPoint,
    TrialStarted,
)
from service.contracts.forms import ReportForm
from service.contracts.plan import StudyAssignment
from service.contracts.start import StudyStart
from service.contracts.states import FailureKind
from service.contracts.usage import Phase, Usage
from service.dispatch.checkpoints import CheckpointFolders
from service.dispatch.leading import LASTS, Leader
from service.dispatch.loop import Dispatcher
from service.dispatch.orders import Orders
from service.dispatch.reconcile import Patience, Reconciler
from service.dispatch.sweep import Sweeper
from service.domain.ports import Job, JobRequest, JobStatus, RunnerUnreachable
from service.domain.records import Actor, Capacity, Node, Role
from service.domain.tokens import StudyClaim
from service.settings import Settings
from tests.support.catalogues import with_classes

PERSON = Actor("ada", Role.SUBMITTER, "ada-key")
HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13", threads=1)


class HeldClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment that was last told."""
        return self.at

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return (self.at - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds()

    def advance(self, seconds: float) -> None:
        """Go on."""
        self.at += timedelta(seconds=seconds)


@dataclass
class FakeCluster:
    """The second JobRunner: jobs are entries that the test ends by hand."""

    clock: HeldClock
    nodes: tuple[Node, ...] = (Node(cpus=2, gpus=0),)
    jobs: dict[str, Job] = field(default_factory=dict)
    requests: list[JobRequest] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    away: bool = False
    stubborn: bool = False
    """Whether jobs go on when they are told to stop."""

    def submit(self, request: JobRequest) -> None:
        """Start a job; one that is there already is left as it is."""
        self._answer()
        if request.submission_id not in self.jobs:
            self.requests.append(request)
            self.jobs[request.submission_id] = Job(JobStatus.RUNNING)

    def status(self, submission_id: str) -> Job:
        """Where a job stands."""
        self._answer()
        return self.jobs.get(submission_id, Job(JobStatus.UNKNOWN))

    def stop(self, submission_id: str) -> None:
        """End a job, unless it is stubborn."""
        self._answer()
        self.stopped.append(submission_id)
        if not self.stubborn:
            self.jobs[submission_id] = Job(JobStatus.OVER, "stopped")

    def capacity(self) -> Capacity:
        """What the cluster has."""
        self._answer()
        return Capacity(at=self.clock.now(), reachable=True, nodes=self.nodes)

    def kill(self, submission_id: str) -> None:
        """End a driver as kill -9 does."""
        self.jobs[submission_id] = Job(JobStatus.OVER, "exit code -9")

    def _answer(self) -> None:
        if self.away:
            raise RunnerUnreachable("the cluster is away")


@dataclass
class FakeWeb:
    """The second Web."""

    up: bool = True

    def alive(self) -> bool:
        """Whether it is up."""
        return self.up


def point(epoch: int, loss: float | None = None, *, seconds: float = 1.0) -> MetricPoint:
    """The figures after an epoch of 20 steps; the loss falls as 100 / (1 + epoch) by default."""
    return MetricPoint(
        epoch=epoch,
        step=20 * epoch,
        training_seconds=seconds * epoch,
        elapsed_seconds=2 * seconds * epoch,
        process_seconds=seconds * epoch,
        gradient_evaluations=20 * epoch,
        train_loss=100 / (1 + epoch) if loss is None else loss,
        test_loss=None,
    )


USAGE = Usage(
    phases={Phase.FIRST_PASS: 1.5, Phase.UPDATE: 0.75},
    gradient_bytes=60_000_000,
    peak_memory_bytes=412_000_000,
)
"""What a trial of three epochs of one second took."""


@dataclass
class FakeDriver:
    """A driver of one attempt of a study, without training."""

    service: Service
    assignment: StudyAssignment
    clock: HeldClock

    @property
    def study_id(self) -> str:
        """Its study."""
        return self.assignment.study_id

    def send(self, *events: Event) -> None:
        """Report events."""
        batch = EventBatch(attempt=self.assignment.attempt, events=events)
        self.service.studies.record(self.study_id, batch)

    def beat(self, start: StudyStart | None = None) -> None:
        """Send a heartbeat, with what the start took."""
        beat = Heartbeat(attempt=self.assignment.attempt, start=start)
        self.service.studies.heartbeat(self.study_id, beat)

    def started(self, trial_id: str, *, number: int = 0, resumed: int = 0) -> TrialStarted:
        """The event that a trial began."""
        return TrialStarted(
            trial_id=trial_id,
            number=number,
            at=self.clock.now(),
            resumed_from_epoch=resumed,
            environment=HERE,
        )

    def ended(self, trial_id: str, outcome: str = "finished", *, number: int = 1) -> TrialEnded:
        """The event that a trial ended."""
        return TrialEnded(
            trial_id=trial_id,
            number=number,
            at=self.clock.now(),
            outcome=outcome,
            failure=FailureKind.BUG if outcome == "failed" else None,
            message="it broke" if outcome == "failed" else "",
            worker_seconds=7.0,
            usage=USAGE,
        )

    def done(self) -> StudyEnded:
        """The event that the study is done."""
        return StudyEnded(at=self.clock.now(), outcome="finished")

    def trial(self, trial_id: str, *, outcome: str = "finished", resumed: int = 0) -> list[Event]:
        """All events of one trial; its losses follow from its number."""
        epochs = range(resumed, self.assignment.epochs + 1)
        worse = int(trial_id.rsplit("t", 1)[1]) % 7
        points = [
            TrialPoint(trial_id=trial_id, point=point(epoch, (100 + worse) / (1 + epoch)))
            for epoch in epochs
            if epoch > resumed or epoch == 0
        ]
        return [self.started(trial_id, resumed=resumed), *points, self.ended(trial_id, outcome)]

    def run(self, *, outcome: str = "finished") -> None:
        """Do all that is assigned, and end."""
        for trial in self.assignment.trials:
            self.send(*self.trial(trial.trial_id, outcome=outcome))
        self.send(self.done())


@dataclass
class ControlPlane:
    """Everything together."""

    service: Service
    clock: HeldClock
    cluster: FakeCluster
    web: FakeWeb
    dispatcher: Dispatcher
    engine: Engine

    def submit(self, **fields: object) -> str:
        """A comparison of two contenders, two trials and two seeds each; its id."""
        document = {
            "name": "two against each other",
            "problems": ["mnist-5k-autoencoder"],
            "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
            "budget": {"epochs": 3},
            "tuning": {"trials": 2},
            "seeds": 2,
        }
        return self.service.comparisons.create({**document, **fields}, actor=PERSON).id

    def tick(self, seconds: float = 0.5) -> None:
        """Let time pass and the dispatcher look."""
        self.clock.advance(seconds)
        self.dispatcher.tick()

    def wait(self, seconds: float) -> None:
        """Let time pass second by second, with a look at each."""
        for _ in range(int(seconds)):
            self.tick(1.0)

    def restart_dispatcher(self) -> None:
        """A dispatcher that remembers nothing, as after a crash."""
        self.dispatcher = self.another_dispatcher("the test's")

    def another_dispatcher(self, holder: str, *, lasts: float = LASTS) -> Dispatcher:
        """One more dispatcher on the same database and cluster, under a name of its own."""
        leader = Leader(self.service.queue, holder, lasts, self.clock.monotonic)
        return _dispatcher(self.service, self.clock, self.cluster, self.web, leader)

    def driver(self, submission_id: str | None = None) -> FakeDriver:
        """The driver of a submitted job, of the latest by default, as its environment says."""
        requests = [
            request
            for request in self.cluster.requests
            if submission_id in (None, request.submission_id)
        ]
        environment = requests[-1].environment
        study_id = environment["KBFGS_STUDY_ID"]
        claim: StudyClaim = self.service.studies.authorize(
            study_id, environment["KBFGS_STUDY_TOKEN"]
        )
        assignment = self.service.studies.assignment(study_id, attempt=claim.attempt)
        return FakeDriver(self.service, assignment, self.clock)

    def page(self, comparison_id: str) -> str:
        """The report as a page."""
        return self.service.reports.file(comparison_id, ReportForm.HTML)[1].decode()

    def states(self, comparison_id: str) -> list[str]:
        """The studies' states by number."""
        return [study.state.value for study in self.service.comparisons.studies(comparison_id)]


def run_to_the_end(plane: ControlPlane, comparison_id: str) -> list[str]:
    """The trials that were assigned on the way, in their order."""
    assigned: list[str] = []
    for _ in range(20):
        plane.tick()
        if plane.service.comparisons.get(comparison_id).ended_at is not None:
            return assigned
        driver = plane.driver()
        assigned += [trial.trial_id.rsplit("-", 1)[1] for trial in driver.assignment.trials]
        driver.run()
    raise AssertionError("it does not end")


def control_plane(engine: Engine, folder: Path, catalogue: Catalogue | None = None) -> ControlPlane:
    """A service on the engine's database, which has the newest schema."""
    clock = HeldClock()
    settings = Settings(home=folder / "home")
    service = assemble(settings, engine, clock=clock, catalogue=catalogue or with_classes())
    cluster, web = FakeCluster(clock), FakeWeb()
    leader = Leader(service.queue, "the test's", monotonic=clock.monotonic)
    dispatcher = _dispatcher(service, clock, cluster, web, leader)
    return ControlPlane(service, clock, cluster, web, dispatcher, engine)


def _dispatcher(
    service: Service, clock: HeldClock, cluster: FakeCluster, web: FakeWeb, leader: Leader
) -> Dispatcher:
    orders = Orders(
        web_url="http://127.0.0.1:8000",
        storage=service.settings.storage_path,
        data_places=service.settings.data_places,
        secret=service.settings.signing_secret(),
    )
    reconciler = Reconciler(
        service.queue, cluster, web, orders, Patience(), monotonic=clock.monotonic
    )
    folders = CheckpointFolders(Path(service.settings.storage_path))
    sweeper = Sweeper(service.queue, cluster, folders, monotonic=clock.monotonic)
    return Dispatcher(
        queue=service.queue,
        progress=service.progress,
        runner=cluster,
        reconciler=reconciler,
        sweeper=sweeper,
        orders=orders,
        leader=leader,
        clock=clock,
        monotonic=clock.monotonic,
    )
