"""The composition root: puts the use cases on a database, and the dispatcher on Ray."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import Engine

from service.contracts.catalogue import Catalogue, installed
from service.contracts.report import Report
from service.db.engine import open_engine
from service.db.errors import SchemaMismatch
from service.db.migrate import check_revision
from service.db.unit_of_work import SqlUnits
from service.dispatch.addresses import Reachable
from service.dispatch.checkpoints import CheckpointFolders
from service.dispatch.courier import Courier, on_its_rounds
from service.dispatch.leading import Leader
from service.dispatch.loop import Dispatcher
from service.dispatch.orders import Orders
from service.dispatch.ray_jobs import RayJobs, ray_client
from service.dispatch.reconcile import Patience, Reconciler
from service.dispatch.sweep import Sweeper
from service.dispatch.web import HttpWeb
from service.domain.errors import StorageUnavailable
from service.domain.ports import Clock, Units
from service.domain.results import ComparisonResults
from service.settings import Settings
from service.usecases.audit import Audit
from service.usecases.capsules import Capsules
from service.usecases.cluster import Cluster
from service.usecases.comparisons import Comparisons
from service.usecases.control import Control
from service.usecases.endings import AttemptLimits
from service.usecases.exporting import Exports
from service.usecases.keys import Keys
from service.usecases.logs import Logs
from service.usecases.progress import Progress
from service.usecases.pruning import Pruning
from service.usecases.queue import Queue
from service.usecases.quotas import Allowance, Quotas
from service.usecases.reports import Reports
from service.usecases.standing import Watch
from service.usecases.studies import Studies
from service.usecases.templates import Templates
from service.usecases.trials import Trials
from service.usecases.webhooks import Webhooks

__all__ = ["SchemaMismatch", "Service", "assemble", "build", "dispatching"]


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class Service:
    """Everything that the web, the dispatcher and the commands ask for."""

    settings: Settings
    catalogue: Catalogue
    comparisons: Comparisons
    control: Control
    studies: Studies
    trials: Trials
    reports: Reports
    exports: Exports
    capsules: Capsules
    templates: Templates
    keys: Keys
    quotas: Quotas
    audit: Audit
    cluster: Cluster
    logs: Logs
    watch: Watch
    pruning: Pruning
    webhooks: Webhooks
    queue: Queue
    progress: Progress
    engine: Engine

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()


def build(settings: Settings) -> Service:
    """The service on the settings' database.

    Raises:
        SchemaMismatch: Where the database is not at the revision that this code knows.
    """
    engine = open_engine(settings.database)
    check_revision(engine)
    return assemble(settings, engine)


def assemble(
    settings: Settings,
    engine: Engine,
    *,
    clock: Clock | None = None,
    catalogue: Catalogue | None = None,
) -> Service:
    """The service on an open database that is known to fit."""
    units: Units = SqlUnits(engine)
    time = clock or SystemClock()
    catalogue = catalogue or installed()
    limits = AttemptLimits()
    allowance = Allowance(settings.key_comparisons, settings.key_worker_seconds)
    quotas = Quotas(units, time, allowance)
    progress = Progress(units, catalogue, time, score_results)
    return Service(
        settings=settings,
        catalogue=catalogue,
        comparisons=Comparisons(units, catalogue, time, quotas),
        control=Control(units, catalogue, time),
        studies=Studies(units, catalogue, time, progress, limits, settings.signing_secret()),
        trials=Trials(units),
        reports=Reports(units, catalogue, time, score_results),
        exports=Exports(units),
        capsules=Capsules(units, catalogue, time),
        templates=Templates(catalogue),
        keys=Keys(units, time),
        quotas=quotas,
        audit=Audit(units),
        cluster=Cluster(units, time),
        logs=Logs(units),
        watch=Watch(units, time),
        pruning=Pruning(units, time),
        webhooks=Webhooks(units, time, settings.signing_secret()),
        queue=Queue(units, time, limits),
        progress=progress,
        engine=engine,
    )


def score_results(results: ComparisonResults, catalogue: Catalogue, now: datetime) -> Report:
    """The report of a comparison; the statistics are loaded when they are first needed."""
    from service.domain.scoring import score

    return score(results, catalogue, now=now)


@contextmanager
def dispatching(service: Service) -> Iterator[Dispatcher]:
    """The dispatcher on the cluster that the settings name, and the courier beside it."""
    settings = service.settings
    patience = Patience(heartbeat=settings.heartbeat_limit, start=settings.start_limit)
    orders = Orders(
        web_url=settings.web_url,
        storage=settings.storage_path,
        data_places=settings.data_places,
        secret=settings.signing_secret(),
    )
    web_client = httpx.Client(base_url=settings.web_url, timeout=2.0, trust_env=False)
    leader = Leader(service.queue)
    courier = Courier(service.webhooks, Reachable(settings.allowed_networks))
    with (
        ray_client(settings.ray_url, settings.ray_token()) as ray,
        web_client,
        _led(leader),
        on_its_rounds(courier),
    ):
        runner = RayJobs(ray, SystemClock())
        reconciler = Reconciler(service.queue, runner, HttpWeb(web_client), orders, patience)
        yield Dispatcher(
            queue=service.queue,
            progress=service.progress,
            runner=runner,
            reconciler=reconciler,
            sweeper=Sweeper(service.queue, runner, CheckpointFolders(Path(settings.storage_path))),
            orders=orders,
            leader=leader,
            clock=SystemClock(),
            owner_studies=settings.owner_studies,
        )


@contextmanager
def _led(leader: Leader) -> Iterator[None]:
    """Lets another dispatcher take over at once when this one ends."""
    try:
        yield
    finally:
        with suppress(StorageUnavailable):
            leader.let_go()
