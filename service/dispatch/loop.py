"""The dispatcher's loop: advance, look at the cluster, reconcile, claim and submit, clear."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from service.dispatch.admission import admit
from service.dispatch.leading import Leader
from service.dispatch.orders import Orders
from service.dispatch.reconcile import Reconciler
from service.dispatch.sweep import Sweeper
from service.domain.errors import StorageUnavailable
from service.domain.fairness import Fairness
from service.domain.ports import Clock, JobRunner, RunnerUnreachable
from service.domain.records import Capacity, Machine
from service.log import about
from service.usecases.progress import Progress
from service.usecases.queue import Queue

logger = logging.getLogger(__name__)

_CAPACITY_EVERY = 5.0
"""Seconds between two snapshots of the cluster."""
_HEAD_START = 5.0
"""Seconds that a driver takes, from its submission until its trials have a use for cores."""
_SETTLED_AFTER = 30.0
"""Seconds without a change of machines, until a study is refused for want of one: they come one
after another when a cluster starts."""
_TRIES = 3
"""How often in a row a comparison's next step may fail; then the comparison has failed."""


@dataclass(slots=True)
class Dispatcher:
    """One look at everything, again and again, as long as this dispatcher leads."""

    queue: Queue
    progress: Progress
    runner: JobRunner
    reconciler: Reconciler
    sweeper: Sweeper
    orders: Orders
    leader: Leader
    clock: Clock
    owner_studies: int | None = None
    """Studies of one owner that may run at the same time."""
    monotonic: Callable[[], float] = time.monotonic
    _capacity: Capacity | None = None
    _measured: float = float("-inf")
    _machines: frozenset[Machine] = frozenset()
    _settling: float = float("-inf")
    _unfinished: frozenset[str] = frozenset()
    _advanced: dict[str, int] = field(default_factory=dict)
    _failures: dict[str, int] = field(default_factory=dict)
    _unreachable: str = ""
    _storage_away: bool = False

    def tick(self) -> None:
        """Do what is to be done now; what the database refuses to take is done by a later look."""
        try:
            self._look()
        except StorageUnavailable as error:
            if not self._storage_away:
                logger.warning("%s; trying again", error)
            self._storage_away = True
        else:
            if self._storage_away:
                logger.info("the database answers again")
            self._storage_away = False

    def _look(self) -> None:
        if not self.leader.leads():
            return
        self._advance()
        try:
            capacity = self._look_at_cluster()
            self.reconciler.look(self.queue.live())
            self._advance()
            self._start(capacity)
            self.sweeper.look(self._unfinished)
        except RunnerUnreachable as error:
            self._note_unreachable(str(error))
        else:
            self._note_reachable()

    def _advance(self) -> None:
        """Move on every comparison in which something has changed since it was last looked at."""
        unfinished = self.queue.unfinished()
        names = self._unfinished = frozenset(comparison for comparison, _ in unfinished)
        self._advanced = {name: self._advanced[name] for name in names & self._advanced.keys()}
        self._failures = {name: self._failures[name] for name in names & self._failures.keys()}
        for comparison, change in unfinished:
            if self._advanced.get(comparison) != change:
                with about(comparison_id=comparison):
                    self._advance_one(comparison, change)

    def _advance_one(self, comparison: str, change: int) -> None:
        """Move one comparison on; what fails again and again is given up."""
        try:
            moved = self.progress.advance(comparison)
        except StorageUnavailable:
            raise
        except Exception as error:  # one comparison's bad figures must not stop all the others
            failures = self._failures.get(comparison, 0) + 1
            self._failures[comparison] = failures
            logger.exception("comparison %s cannot be moved on, try %d", comparison, failures)
            if failures >= _TRIES:
                self.progress.give_up(comparison, f"{type(error).__name__}: {error}")
                self._advanced[comparison] = change
            return
        self._failures.pop(comparison, None)
        if not moved:
            self._advanced[comparison] = change

    def _look_at_cluster(self) -> Capacity:
        """The latest snapshot of the cluster."""
        now = self.monotonic()
        known = self._capacity is not None and self._capacity.nodes  # a head begins without any
        if self._capacity is None or not known or now - self._measured >= _CAPACITY_EVERY:
            self._capacity = self.runner.capacity()
            self._measured = now
            if self._capacity.machines != self._machines:
                self._machines, self._settling = self._capacity.machines, now
            self.queue.note_capacity(self._capacity)
        return self._capacity

    def _start(self, capacity: Capacity) -> None:
        """Claim and submit what the cluster has room for; refuse the rest, or say why it waits.

        The claim is stored before the job is submitted: after a crash in between, the reconciler
        submits the same job again.
        """
        queued = self.queue.queued()
        if not queued:
            return
        fairness = Fairness(self.queue.shares(), self.owner_studies, self.clock.now())
        live = self.queue.live()
        waiting = {study.comparison_id for study in queued}
        followed = [study for study in live if study.comparison_id in waiting]
        ending = self.queue.ending(followed, within=_HEAD_START)
        admission = admit(queued, live, capacity, fairness, ending=ending)
        for study, reason in admission.waiting:
            self.queue.waits(study, reason)
        settled = self.monotonic() - self._settling >= _SETTLED_AFTER
        for study, reason in admission.short:
            if settled:
                self.queue.falls_short(study, reason)
            else:
                self.queue.waits(study, f"waiting for a larger machine: {reason}")
        for study in admission.admitted:
            if not self.leader.leads():  # many submissions take longer than a lease lasts
                return
            claimed = self.queue.claim(study, leader=self.leader.holder)
            if claimed is not None:
                with about(comparison_id=claimed.comparison_id, study_id=claimed.id):
                    logger.info("submitting %s, attempt %d", claimed.id, claimed.attempt)
                    self.runner.submit(self.orders.order(claimed))

    def _note_unreachable(self, why: str) -> None:
        """Say once that the cluster is away, and in the rows that studies wait for it."""
        self._capacity = None
        changed = self._unreachable != why
        if changed:
            logger.warning("%s", why)
            self._unreachable = why
        if changed or self.monotonic() - self._measured >= _CAPACITY_EVERY:
            self._measured = self.monotonic()
            away = Capacity(at=self.clock.now(), reachable=False, message=why)
            self.queue.note_capacity(away)
        for study in self.queue.queued():
            self.queue.waits(study, "waiting for the cluster, which does not answer")

    def _note_reachable(self) -> None:
        if self._unreachable:
            logger.info("the cluster answers again")
            self._unreachable = ""
