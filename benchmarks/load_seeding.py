"""Fills a database for the load: trials by the hundred with their curves, studies to drive."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from service.bootstrap import Service, assemble
from service.contracts.events import Environment, EventBatch, MetricPoint, TrialStarted
from service.contracts.states import TrialState
from service.db.engine import open_engine
from service.db.migrate import migrate
from service.db.models import Change, Comparison, Study, Trial
from service.db.repositories.bulk import row, write_points
from service.db.unit_of_work import SqlUnits
from service.domain.ids import new_comparison_id
from service.domain.records import Role
from service.domain.tokens import StudyClaim, sign
from service.settings import Settings

TRIALS_EACH = 100
LONG_CURVE = 10_000
ROWS_AT_ONCE = 20_000
HERE = Environment(hostname="here", device="cpu", python="3.11", torch="2.13", threads=1)


@dataclass(frozen=True)
class Driven:
    """A study whose driver the load plays."""

    study_id: str
    trial_id: str
    token: str


@dataclass(frozen=True)
class Seeded:
    """What the load asks for."""

    key: str
    comparisons: tuple[str, ...]
    long_trial: str
    """A trial of the first comparison with a long curve."""
    driven: tuple[Driven, ...]


def spec(name: str) -> dict[str, object]:
    """A comparison of 100 trials."""
    return {
        "name": name,
        "problems": ["mnist-5k-autoencoder"],
        "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
        "budget": {"epochs": 100},
        "tuning": {"trials": TRIALS_EACH // 2, "search": "random"},
        "seeds": 2,
    }


def seed(url: str, home: Path, *, trials: int, points: int, drivers: int) -> Seeded:
    """Fill a new database with so many finished trials and points, and submit some studies."""
    settings = Settings(home=home, database_url=url)
    engine = open_engine(url)
    migrate(engine)
    service = assemble(settings, engine)
    key = service.keys.create("load", Role.ADMIN).secret
    owner = service.keys.authenticate(key)
    first = service.comparisons.create(spec("seeded"), actor=owner).id
    copies = [new_comparison_id() for _ in range(1, max(trials // TRIALS_EACH, drivers))]
    with SqlUnits(engine).write() as unit:
        _copy(unit.points.session.connection(), first, copies)
    comparisons = [first, *copies]
    driven = _driven(service, drivers)
    with SqlUnits(engine).read() as unit:
        keys = [t.key for one in comparisons for t in unit.trials.of(one)][:trials]
        long_trial = unit.trials.of(comparisons[0])[1]
    each = max(points // len(keys), 1)
    write(service, keys, each)
    if long_trial.key in keys:
        write(service, [long_trial.key], LONG_CURVE)
    service.close()
    return Seeded(key, tuple(comparisons), long_trial.id, driven)


def _copy(connection: Connection, comparison_id: str, copies: Sequence[str]) -> None:
    """Store a new comparison again under other ids, faster than it can be planned again."""
    for table in (Comparison, Study, Trial, Change):
        own = table.id if table is Comparison else table.comparison_id
        query = select(table.__table__).where(own == comparison_id)
        for stored in connection.execute(query).mappings().all():
            rows = [
                {
                    name: value.replace(comparison_id, copy) if isinstance(value, str) else value
                    for name, value in stored.items()
                    if name != "key"
                }
                for copy in copies
            ]
            if rows:
                connection.execute(insert(table.__table__), rows)


def curve(epochs: int) -> tuple[MetricPoint, ...]:
    """A loss that falls, with waves in it."""
    return tuple(
        MetricPoint(
            epoch=epoch,
            step=25 * epoch,
            training_seconds=0.6 * epoch,
            elapsed_seconds=0.9 * epoch,
            process_seconds=0.6 * epoch,
            gradient_evaluations=50.0 * epoch,
            train_loss=60 + 400 / (1 + epoch) + math.sin(epoch),
            test_loss=63 + 400 / (1 + epoch) + math.cos(epoch),
        )
        for epoch in range(epochs)
    )


def write(service: Service, keys: Sequence[int], epochs: int) -> None:
    """Give each trial a curve, and its row the figures that repeat it."""
    points = curve(epochs)
    last = points[-1]
    at_once = max(ROWS_AT_ONCE // epochs, 1)
    for first in range(0, len(keys), at_once):
        some = keys[first : first + at_once]
        with SqlUnits(service.engine).write() as unit:
            connection = unit.points.session.connection()
            write_points(connection, [row(key, 1, point) for key in some for point in points])
            connection.execute(
                update(Trial)
                .where(Trial.key.in_(some))
                .values(
                    state=TrialState.FINISHED,
                    last_step=last.step,
                    highest_step=last.step,
                    epochs_done=last.epoch,
                    best_loss=min(point.train_loss or math.inf for point in points),
                    final_loss=last.train_loss,
                    training_seconds=last.training_seconds,
                    worker_seconds=last.worker_seconds,
                    ended_at=datetime.now(UTC),
                )
            )


def _driven(service: Service, drivers: int) -> tuple[Driven, ...]:
    """Claim studies as the dispatcher does, and start their last trial."""
    found: dict[str, Driven] = {}
    for study in service.queue.queued():
        if len(found) == drivers:
            break
        if study.comparison_id in found or service.queue.claim(study) is None:
            continue
        assignment = service.studies.assignment(study.id, attempt=1)
        trial_id = assignment.trials[-1].trial_id
        now = datetime.now(UTC)
        started = TrialStarted(trial_id=trial_id, number=0, at=now, environment=HERE)
        service.studies.record(study.id, EventBatch(attempt=1, events=(started,)))
        claim = StudyClaim(study.id, 1, now + timedelta(days=1))
        token = sign(service.settings.signing_secret(), claim)
        found[study.comparison_id] = Driven(study.id, trial_id, token)
    return tuple(found.values())
