"""Removes the checkpoints of what has ended or was deleted, once nobody can write them."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from service.dispatch.orders import submission_ids
from service.domain.comparison_rows import Deleted
from service.domain.ports import Checkpoints, JobRunner, JobStatus
from service.usecases.queue import Queue

logger = logging.getLogger(__name__)

_EVERY = 10.0
"""Seconds between two looks at the storage where nothing has ended."""
_SOON = 2.0
"""Seconds to the next look where something was to be removed: its driver may run yet, and a trial
whose driver is gone may write for a moment."""
_OVER = (JobStatus.OVER, JobStatus.UNKNOWN)


@dataclass(slots=True)
class Sweeper:
    """Compares what lies in the storage with the rows.

    Nothing is remembered: what a crash left undone, or what a straggler wrote after the removal,
    is found by the next look. What a comparison wants kept is put aside first.
    """

    queue: Queue
    runner: JobRunner
    checkpoints: Checkpoints
    monotonic: Callable[[], float] = time.monotonic
    _unfinished: frozenset[str] = frozenset()
    _next: float = float("-inf")
    _failed: set[str] = field(default_factory=set)

    def look(self, unfinished: frozenset[str]) -> None:
        """Remove what is of no more use, where it is time to look, or something has ended.

        Args:
            unfinished: The ids of the comparisons that have not ended.

        Raises:
            RunnerUnreachable: Where the cluster does not say whether drivers still run.
        """
        now = self.monotonic()
        some_ended = bool(self._unfinished - unfinished)
        self._unfinished = unfinished
        if now < self._next and not some_ended:
            return
        self._next = now + _EVERY
        try:
            found, kept = self.checkpoints.comparisons(), self.checkpoints.kept()
        except OSError as error:
            self._tell("the storage", error)
            return
        deleted = self.queue.deleted({*found, *kept})
        for comparison in found:
            attempts = self._attempts(comparison, deleted)
            if attempts is None:
                continue
            self._next = now + _SOON
            if self._all_over(attempts):
                self._remove(comparison)
        for comparison in kept:
            if comparison in deleted:
                self._remove_kept(comparison)

    def _attempts(
        self, comparison: str, deleted: Mapping[str, Deleted]
    ) -> Mapping[str, int] | None:
        """Attempts by study of what ended or was deleted; None of what goes on or is unknown."""
        if comparison in deleted:
            return deleted[comparison].attempts
        studies = self.queue.studies_of_ended(comparison)
        return None if studies is None else {study.id: study.attempt for study in studies}

    def _all_over(self, attempts: Mapping[str, int]) -> bool:
        """Whether no attempt runs any more, given-up ones on lost machines included."""
        jobs = (job for study, count in attempts.items() for job in submission_ids(study, count))
        return all(self.runner.status(job).status in _OVER for job in jobs)

    def _remove(self, comparison: str) -> None:
        try:
            self.checkpoints.keep_best(comparison, self.queue.kept_finals(comparison))
            self.checkpoints.remove(comparison)
        except OSError as error:
            self._tell(f"the checkpoints of {comparison}", error)
        else:
            logger.info("removed the checkpoints of %s, which has ended", comparison)

    def _remove_kept(self, comparison: str) -> None:
        try:
            self.checkpoints.remove_kept(comparison)
        except OSError as error:
            self._tell(f"the kept checkpoints of {comparison}", error)
        else:
            logger.info("removed the kept checkpoints of %s, which was deleted", comparison)

    def _tell(self, what: str, error: OSError) -> None:
        """Say once what cannot be cleared; every look tries it again."""
        if what not in self._failed:
            logger.warning("%s cannot be cleared: %s", what, error)
            self._failed.add(what)
