"""Drivers that are real in all but the training: a trial plays a curve that its seed makes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchmarks.load_seeding import HERE, curve
from service.contracts.events import Event, MetricPoint, TrialEnded, TrialPoint, TrialStarted
from workers.agenda import ENDED, Agenda
from workers.context import TrialPlan
from workers.driver import DriverSettings, drive

EPOCH_SECONDS = 0.01
TRIAL_COST = 30.0
"""Worker-seconds that each trial says it took."""


class Stopped(Exception):
    """The job was told to stop, or its attempt is over."""


@dataclass
class Job:
    """A driver in a thread of its own, with the spool, the heartbeat and the sending of any."""

    settings: DriverSettings
    stop: threading.Event = field(default_factory=threading.Event)
    status: str = "RUNNING"
    """As Ray calls it."""

    def begin(self) -> None:
        """Drive the study, beside all else."""
        threading.Thread(target=self._run, name=self.settings.study_id, daemon=True).start()

    def end(self) -> None:
        """Play no further."""
        self.stop.set()
        self.status = "STOPPED"

    def _run(self) -> None:
        failed = drive(self.settings, self._play, leave=lambda _code: self.stop.set())
        if not self.stop.is_set():
            self.status = "FAILED" if failed else "SUCCEEDED"

    def _play(self, agenda: Agenda, *_: Any, **__: Any) -> None:
        """Be the search that the driver asks to run its trials."""
        while not agenda.is_over:
            plan = agenda.begin()
            for event in told_of(plan) if plan else ():
                if self.stop.wait(EPOCH_SECONDS):
                    raise Stopped
                agenda.heard([event])
            if plan:
                agenda.left(plan.trial.trial_id)


def told_of(plan: TrialPlan) -> Iterator[Event]:
    """What a trial that trains well tells of itself."""
    name = plan.trial.trial_id
    yield TrialStarted(trial_id=name, number=0, at=datetime.now(UTC), environment=HERE)
    for point in points_of(plan.trial.seed, plan.epochs):
        yield TrialPoint(trial_id=name, point=point)
    yield TrialEnded(
        trial_id=name,
        number=ENDED,
        at=datetime.now(UTC),
        outcome="finished",
        worker_seconds=TRIAL_COST,
    )


def points_of(seed: int, epochs: int) -> tuple[MetricPoint, ...]:
    """The curve of a trial from its initial weights on: no two seeds have the same."""
    scale = 1 + seed / 2**31
    return tuple(
        point.model_copy(update={"train_loss": scale * (point.train_loss or 0.0)})
        for point in curve(epochs + 1)
    )
