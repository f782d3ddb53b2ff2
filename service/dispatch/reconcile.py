"""Compares the live studies with what the cluster says, and closes what was lost."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from service.contracts.states import StudyState
from service.dispatch.orders import Orders, submission_id
from service.dispatch.silence import Silence
from service.domain.ports import JobRunner, JobStatus, Web
from service.domain.records import StudyRecord
from service.log import about
from service.usecases.queue import Queue

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that the reconciler waits."""

    quiet: float = 2.0
    """A driver heard of within this needs no further look."""
    forgotten: float = 5.0
    """Silence of a driver that the cluster does not know, until it counts as lost."""
    heartbeat: float = 30.0
    """Silence of a driver that the cluster says is running, until it counts as lost."""
    start: float = 300.0
    """Silence of a submitted driver that was never heard of, until it counts as lost."""
    stop: float = 20.0
    """How long a job that was told to stop may take; then its machine counts as unreachable."""


@dataclass(slots=True)
class Reconciler:
    """Looks after the live studies."""

    queue: Queue
    runner: JobRunner
    web: Web
    orders: Orders
    patience: Patience
    monotonic: Callable[[], float] = time.monotonic
    _silence: Silence = field(default_factory=Silence)
    _looked: float | None = None
    _audible: bool = False
    _asked: float = float("-inf")
    _stopping: dict[str, float] = field(default_factory=dict)

    def look(self, studies: Sequence[StudyRecord]) -> None:
        """Look at every live study once.

        Raises:
            RunnerUnreachable: Where the cluster does not answer; nothing is concluded from that.
        """
        self._silence.observe(studies, elapsed=self._audible_seconds(studies))
        present = {submission_id(study) for study in studies}
        self._stopping = {job: at for job, at in self._stopping.items() if job in present}
        for study in studies:
            with about(comparison_id=study.comparison_id, study_id=study.id):
                self._look_at(study)

    def _audible_seconds(self, studies: Sequence[StudyRecord]) -> float:
        """Seconds since the last look, if the web was there to hear the drivers."""
        now = self.monotonic()
        elapsed = now - self._looked if self._looked is not None else 0.0
        self._looked = now
        if studies and now - self._asked >= self.patience.quiet:
            self._audible, self._asked = self.web.alive(), now
        return elapsed if self._audible else 0.0

    def _look_at(self, study: StudyRecord) -> None:
        if study.state in (StudyState.CANCELLING, StudyState.PAUSING):
            self._end(study, then=self.queue.stopped)
        elif self._silence.seconds(study) >= self.patience.quiet:
            self._look_after(study)

    def _look_after(self, study: StudyRecord) -> None:
        """Find out what became of a silent driver."""
        silent = self._silence.seconds(study)
        never_heard = study.state is StudyState.SUBMITTED
        job = self.runner.status(submission_id(study))
        match job.status:
            case JobStatus.OVER:
                self._lose(study, f"its job ended: {job.message or 'nobody knows why'}")
            case JobStatus.UNKNOWN if never_heard and silent < self.patience.start:
                self.runner.submit(self.orders.order(study))
            case JobStatus.UNKNOWN if silent >= self.patience.forgotten:
                self._lose(study, "the cluster no longer knows its job")
            case JobStatus.PENDING | JobStatus.RUNNING:
                limit = self.patience.start if never_heard else self.patience.heartbeat
                if silent >= limit:
                    reason = f"its driver was silent for {limit:g} s"
                    self._end(study, then=lambda lost: self._lose(lost, reason))

    def _end(self, study: StudyRecord, *, then: Callable[[StudyRecord], None]) -> None:
        """Stop a study's job; once that is over, or its machine unreachable, go on.

        No second driver starts while the first may still run.
        """
        job_id = submission_id(study)
        job = self.runner.status(job_id)
        since = self._stopping.setdefault(job_id, self.monotonic())
        if job.status in (JobStatus.PENDING, JobStatus.RUNNING):
            if self.monotonic() - since < self.patience.stop:
                self.runner.stop(job_id)
                return
            logger.warning("%s does not stop; its machine counts as unreachable", job_id)
        del self._stopping[job_id]
        then(study)

    def _lose(self, study: StudyRecord, reason: str) -> None:
        logger.warning("%s was lost: %s", submission_id(study), reason)
        self.queue.lost(study, reason)
