"""One transaction with all repositories on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from service.db.engine import WRITES
from service.db.repositories.access import Keys, Requests
from service.db.repositories.capsules import Capsules
from service.db.repositories.changes import Changes, Reports
from service.db.repositories.cluster import ClusterSnapshot
from service.db.repositories.comparisons import Comparisons
from service.db.repositories.deeds import Deeds
from service.db.repositories.leases import Leases
from service.db.repositories.logs import Logs
from service.db.repositories.points import Events, Points
from service.db.repositories.retention import Retention
from service.db.repositories.spending import Spending
from service.db.repositories.standing import StandingOfAll
from service.db.repositories.studies import Studies
from service.db.repositories.trials import Trials
from service.db.repositories.webhooks import Deliveries, Webhooks
from service.domain.errors import StorageUnavailable


class SqlUnitOfWork:
    """The repositories on one session."""

    def __init__(self, session: Session) -> None:
        self.comparisons = Comparisons(session)
        self.studies = Studies(session)
        self.trials = Trials(session)
        self.points = Points(session)
        self.events = Events(session)
        self.changes = Changes(session)
        self.keys = Keys(session)
        self.spending = Spending(session)
        self.deeds = Deeds(session)
        self.requests = Requests(session)
        self.reports = Reports(session)
        self.capsules = Capsules(session)
        self.logs = Logs(session)
        self.standing = StandingOfAll(session)
        self.cluster = ClusterSnapshot(session)
        self.retention = Retention(session)
        self.leases = Leases(session)
        self.webhooks = Webhooks(session)
        self.deliveries = Deliveries(session)


@dataclass(frozen=True)
class SqlUnits:
    """Opens units of work on one engine."""

    engine: Engine

    @cached_property
    def _writer(self) -> Engine:
        return self.engine.execution_options(**{WRITES: True})

    @contextmanager
    def read(self) -> Iterator[SqlUnitOfWork]:
        """A unit that writes nothing."""
        with _answering(), Session(self.engine) as session:
            yield SqlUnitOfWork(session)

    @contextmanager
    def write(self) -> Iterator[SqlUnitOfWork]:
        """A unit that is stored at its clean end, and undone where it raises."""
        with _answering(), Session(self._writer) as session, session.begin():
            yield SqlUnitOfWork(session)


@contextmanager
def _answering() -> Iterator[None]:
    """Tells a database that is locked, restarting or gone from a statement that is wrong.

    Raises:
        StorageUnavailable: Where the same unit may go through later.
    """
    try:
        yield
    except (exc.DataError, exc.IntegrityError, exc.ProgrammingError):
        raise
    except (exc.DBAPIError, exc.TimeoutError) as error:
        cause = getattr(error, "orig", None) or error
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        raise StorageUnavailable(f"the database cannot be used now: {reason}") from error
