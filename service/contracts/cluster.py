"""What the API shows of the cluster: its machines, and the studies that run and wait."""

from datetime import datetime

from service.contracts import numbers
from service.contracts.base import Contract
from service.contracts.states import StudyKind, StudyState

STALE_AFTER_SECONDS = 15.0
"""Age of a snapshot from which on a dispatcher seems to be missing."""


class NodeView(Contract):
    """A machine of the cluster that is alive."""

    id: str
    name: str
    """Its address or host name."""
    cpus: float
    gpus: float
    free_cpus: float | None
    """CPUs that nothing has reserved; None where the cluster does not say."""
    free_gpus: float | None


class QueueEntry(Contract):
    """A study that runs or waits."""

    study_id: str
    comparison_id: str
    comparison: str
    """The comparison's name."""
    kind: StudyKind
    problem: str
    contender: str | None
    state: StudyState
    reason: str
    """Why it waits; empty where it runs or has not been looked at yet."""
    attempt: int
    trials: int
    workers: int
    """Workers of a trial, at most."""
    cpus: float
    """CPUs of one worker."""
    gpus: float
    since: datetime
    """When it was submitted or, where it waits, created."""
    owner: str = ""
    priority: int = 0


class ClusterView(Contract):
    """What the dispatcher last saw of the cluster, and the queue."""

    measured_at: datetime | None
    """When the dispatcher last looked; None where it never has."""
    age_seconds: float | None
    """How long ago that was; more than some 10 s means that no dispatcher is running."""
    reachable: bool
    message: str
    """Why the cluster does not answer; empty where it does."""
    nodes: tuple[NodeView, ...]
    cpus: float
    gpus: float
    free_cpus: float | None
    """Over all machines; None where the cluster does not say."""
    free_gpus: float | None
    running: tuple[QueueEntry, ...]
    waiting: tuple[QueueEntry, ...]
    """The head of the queue by priority and age, at most 200."""
    waiting_in_all: int

    @property
    def stale(self) -> bool:
        """Whether the dispatcher, which looks every 5 s, has not looked for a while."""
        return self.age_seconds is not None and self.age_seconds > STALE_AFTER_SECONDS

    @property
    def sentence(self) -> str:
        """What there is and how well it is known, in a sentence or two."""
        if not self.reachable:
            what = f"The cluster cannot be used: {self.message}."
        elif not self.nodes:
            what = "The cluster has no machine yet."
        else:
            free = numbers.of_all(self.free_cpus, self.cpus)
            gpus = numbers.of_all(self.free_gpus, self.gpus)
            machines = numbers.counted(len(self.nodes), "machine")
            what = f"{machines}: {free} CPUs and {gpus} GPUs are free."
        if self.age_seconds is None:
            return what
        looked = f"Measured {numbers.age(self.age_seconds)} ago"
        return f"{what} {looked}" + ("; is the dispatcher running?" if self.stale else ".")
