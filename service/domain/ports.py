"""What the use cases need from outside: units of work, a runner of jobs, the time."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from service.domain.access_rows import DeedRows, KeyRows, SpendingRows
from service.domain.comparison_rows import ChangeRows, ComparisonRows
from service.domain.lease_rows import LeaseRows
from service.domain.log_rows import LogRows
from service.domain.records import Capacity
from service.domain.retention import RetentionRows
from service.domain.rows import (
    CapsuleRows,
    ClusterRows,
    EventRows,
    PointRows,
    ReportRows,
    RequestRows,
    StudyRows,
    TrialRows,
)
from service.domain.standing import StandingRows
from service.domain.webhooks import DeliveryRows, WebhookRows


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...


class UnitOfWork(Protocol):
    """One transaction: everything in it is stored, or nothing."""

    @property
    def comparisons(self) -> ComparisonRows:
        """The stored comparisons."""
        ...

    @property
    def studies(self) -> StudyRows:
        """The stored studies."""
        ...

    @property
    def trials(self) -> TrialRows:
        """The stored trials."""
        ...

    @property
    def points(self) -> PointRows:
        """The stored metric points."""
        ...

    @property
    def events(self) -> EventRows:
        """The lifecycle events."""
        ...

    @property
    def changes(self) -> ChangeRows:
        """The changes of state."""
        ...

    @property
    def keys(self) -> KeyRows:
        """Keys, login tokens and sessions."""
        ...

    @property
    def spending(self) -> SpendingRows:
        """What keys have used up."""
        ...

    @property
    def deeds(self) -> DeedRows:
        """Who did what."""
        ...

    @property
    def requests(self) -> RequestRows:
        """Idempotency keys."""
        ...

    @property
    def reports(self) -> ReportRows:
        """The final reports."""
        ...

    @property
    def capsules(self) -> CapsuleRows:
        """What comparisons run again, and what was made of them for that."""
        ...

    @property
    def logs(self) -> LogRows:
        """What drivers and trials printed."""
        ...

    @property
    def retention(self) -> RetentionRows:
        """The comparisons, as what takes up room."""
        ...

    @property
    def standing(self) -> StandingRows:
        """Questions over all rows."""
        ...

    @property
    def cluster(self) -> ClusterRows:
        """The latest snapshot of the cluster."""
        ...

    @property
    def leases(self) -> LeaseRows:
        """What only one process may do."""
        ...

    @property
    def webhooks(self) -> WebhookRows:
        """Where people want to be told."""
        ...

    @property
    def deliveries(self) -> DeliveryRows:
        """What they are to be told."""
        ...


class Units(Protocol):
    """Opens units of work; either kind raises StorageUnavailable where the database is away."""

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """A unit that writes nothing."""
        ...

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """A unit that is stored at its clean end, and undone where it raises."""
        ...


class JobStatus(StrEnum):
    """Where a submitted job stands."""

    UNKNOWN = "unknown"
    """The runner has never heard of it, or has forgotten it."""
    PENDING = "pending"
    RUNNING = "running"
    OVER = "over"
    """It ended: well, badly or because it was stopped."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the runner says of a submission."""

    status: JobStatus
    message: str = ""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A driver to start: the same request under the same id is the same job."""

    submission_id: str
    environment: Mapping[str, str]
    """Environment variables of the driver: ids and tokens alone."""


class RunnerUnreachable(Exception):
    """The runner of jobs does not answer, or not as it should."""


class JobRunner(Protocol):
    """Runs the drivers of studies; every method raises RunnerUnreachable where it is away."""

    def submit(self, request: JobRequest) -> None:
        """Start a job; one that is there already is left as it is."""
        ...

    def status(self, submission_id: str) -> Job:
        """Where a job stands."""
        ...

    def stop(self, submission_id: str) -> None:
        """Ask a job to end; one that is over or unknown is left as it is."""
        ...

    def capacity(self) -> Capacity:
        """What the cluster has."""
        ...


class Checkpoints(Protocol):
    """What trials leave for later attempts; every method raises OSError where it fails."""

    def comparisons(self) -> tuple[str, ...]:
        """The ids of the comparisons that have any."""
        ...

    def keep_best(self, comparison_id: str, trial_ids: Iterable[str]) -> None:
        """Put the best ones of these trials where they stay; who has none is passed over."""
        ...

    def remove(self, comparison_id: str) -> None:
        """Remove a comparison's; where there are none, nothing happens."""
        ...

    def kept(self) -> tuple[str, ...]:
        """The ids of the comparisons of which some were put where they stay."""
        ...

    def remove_kept(self, comparison_id: str) -> None:
        """Remove those of a comparison that were put there."""
        ...


class Web(Protocol):
    """The web process, as drivers see it."""

    def alive(self) -> bool:
        """Whether it answers; heartbeats can only be missed while it does."""
        ...
