"""The stored rows as the use cases ask for them; the database implements these ports."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from service.contracts.base import SettingValue
from service.contracts.capsule import Capsule
from service.contracts.events import Environment, MetricPoint
from service.contracts.plan import Point
from service.contracts.report import Report
from service.contracts.start import StudyStart
from service.contracts.states import (
    FailureKind,
    StudyKind,
    StudyState,
    TrialState,
)
from service.contracts.usage import Usage
from service.domain.records import (
    Capacity,
    NewTrial,
    StudyRecord,
    StudyTally,
    TrialFigures,
    TrialRecord,
    TrialTally,
    UnfinishedTrial,
)


class StudyRows(Protocol):
    """The stored studies."""

    def add(self, study: StudyRecord) -> None:
        """Store a new study."""
        ...

    def get(self, study_id: str) -> StudyRecord | None:
        """The study of that id, if there is one."""
        ...

    def of(self, comparison_id: str) -> tuple[StudyRecord, ...]:
        """A comparison's studies by number."""
        ...

    def live(self) -> tuple[StudyRecord, ...]:
        """The studies that a driver may be running, or is to be ended for."""
        ...

    def queued(self) -> tuple[StudyRecord, ...]:
        """The queue: oldest comparison first, then by number."""
        ...

    def claim(self, study_id: str, *, at: datetime) -> bool:
        """Take a queued study for its next attempt; False where someone else did."""
        ...

    def set_state(self, study_id: str, state: StudyState, *, reason: str, at: datetime) -> None:
        """Write a state that the state table allows."""
        ...

    def set_reason(self, study_id: str, reason: str) -> None:
        """Say why a queued study waits."""
        ...

    def set_fruitless(self, study_id: str, fruitless: int, *, reached: int) -> None:
        """Write how many attempts in a row brought nothing new, and how far the trials are."""
        ...

    def grow(self, study_id: str, trials: int) -> None:
        """Count the trials that a study has gained."""
        ...

    def excuse(self, study_id: str) -> None:
        """Count one attempt more that spends nothing."""
        ...

    def set_start(self, study_id: str, attempt: int, start: StudyStart) -> None:
        """Write what the start of the current attempt took, where that is not written yet."""
        ...

    def beat(self, study_id: str, attempt: int, *, at: datetime) -> bool:
        """Note a sign of life; False where that attempt is not running."""
        ...

    def last_heartbeats(self, comparison_ids: Collection[str]) -> Mapping[str, datetime]:
        """When a driver of each comparison was last heard of."""
        ...

    def finals(self, comparison_ids: Collection[str]) -> Mapping[str, frozenset[str]]:
        """The problems of each comparison whose finals have been queued."""
        ...


class TrialRows(Protocol):
    """The stored trials."""

    def add(self, study: StudyRecord, trials: Sequence[NewTrial]) -> None:
        """Store new trials of a study as queued."""
        ...

    def named(self, study_id: str, trial_ids: Collection[str]) -> Mapping[str, TrialRecord]:
        """Those of a study's trials that have one of these ids, by id."""
        ...

    def of(
        self,
        comparison_id: str,
        *,
        study_id: str | None = None,
        kind: StudyKind | None = None,
        contender: str | None = None,
        trial_ids: Collection[str] | None = None,
    ) -> tuple[TrialRecord, ...]:
        """A comparison's trials by number."""
        ...

    def page(self, comparison_id: str, *, after: int, limit: int) -> tuple[TrialRecord, ...]:
        """So many of a comparison's trials with a number above that one, by number."""
        ...

    def last_steps(self, comparison_id: str) -> Mapping[str, int]:
        """The last step of every trial that has points, by the trial's id."""
        ...

    def in_state(self, study_id: str, state: TrialState) -> tuple[str, ...]:
        """The ids of a study's trials in a state, by number."""
        ...

    def stamp(self, comparison_id: str) -> tuple[int, float, float]:
        """Sums over a comparison's figures that move whenever a trial has a new point."""
        ...

    def tallies(self, comparison_ids: Collection[str]) -> tuple[TrialTally, ...]:
        """Counts and sums by comparison, contender, kind and state."""
        ...

    def study_tallies(self, comparison_id: str) -> Mapping[str, StudyTally]:
        """How many trials of each study have ended, by the study's id."""
        ...

    def unfinished(self, study_ids: Collection[str]) -> tuple[UnfinishedTrial, ...]:
        """The trials of these studies that have not ended."""
        ...

    def set_state(
        self,
        trial: TrialRecord,
        state: TrialState,
        *,
        at: datetime,
        failure: FailureKind | None = None,
        message: str = "",
    ) -> None:
        """Write a state that the state table allows."""
        ...

    def set_point(
        self, trial: TrialRecord, point: Point, settings: Mapping[str, SettingValue]
    ) -> None:
        """Note the point that a search proposed for a trial, and all settings that follow."""
        ...

    def set_usage(self, trial: TrialRecord, usage: Usage | None) -> None:
        """Note what a trial took that has ended."""
        ...

    def set_started(self, trial: TrialRecord, attempt: int, environment: Environment) -> None:
        """Note in which attempt and where a trial runs."""
        ...

    def set_figures(self, figures: Mapping[int, TrialFigures]) -> None:
        """Write the figures of trials by key."""
        ...


PointColumns = Mapping[str, tuple[float | None, ...]]
"""The points of a trial by figure, as `MetricPoint` calls them, each in the order of their steps;
empty where the trial has none."""


class PointRows(Protocol):
    """The stored metric points, one for each epoch of each trial."""

    def upsert(self, attempt: int, points: Sequence[tuple[int, MetricPoint]]) -> None:
        """Store points by trial key, the last of a step; an equal or higher attempt overwrites."""
        ...

    def drop_after(self, trial_key: int, epoch: int) -> None:
        """Forget the points of a trial after an epoch."""
        ...

    def of(self, trial_keys: Collection[int]) -> Mapping[int, tuple[MetricPoint, ...]]:
        """The points of trials by key, in the order of their steps."""
        ...

    def columns(self, trial_keys: Sequence[int]) -> Mapping[int, PointColumns]:
        """The same figure by figure, at a fifth of the cost: what exports read."""
        ...

    def thinned(
        self, trial_keys: Collection[int], most: int
    ) -> Mapping[int, tuple[MetricPoint, ...]]:
        """At most so many of them, or a few more: the ends, and the extremes of each stretch."""
        ...


class EventRows(Protocol):
    """The lifecycle events that drivers have sent."""

    def first(self, trial_key: int, attempt: int, number: int) -> bool:
        """Note an event; False where it was noted before."""
        ...


@dataclass(frozen=True, slots=True)
class RememberedRequest:
    """A request made under an idempotency key, and what it created."""

    body_digest: str
    comparison_id: str


class RequestRows(Protocol):
    """The idempotency keys of requests."""

    def get(self, key_id: str, word: str) -> RememberedRequest | None:
        """What the holder of an API key asked under a word before."""
        ...

    def add(self, key_id: str, word: str, request: RememberedRequest, *, at: datetime) -> bool:
        """Remember a request; False where the word is taken.

        The comparison may follow later in the same unit of work.
        """
        ...


class ReportRows(Protocol):
    """The final reports."""

    def get(self, comparison_id: str) -> Report | None:
        """The latest final report of a comparison, once there is one."""
        ...

    def put(self, report: Report) -> None:
        """Store a final report, in the place of one from before an extension."""
        ...


class CapsuleRows(Protocol):
    """What comparisons run again, and the capsules that were made of those that finished."""

    def add(self, comparison_id: str, capsule: Capsule) -> None:
        """Store what a new comparison runs again."""
        ...

    def get(self, comparison_id: str) -> Capsule | None:
        """What a comparison runs again; None where it is no rerun."""
        ...

    def keep(self, comparison_id: str, document: str | None) -> None:
        """Store what was made of a comparison, in the place of one from before an extension."""
        ...

    def kept(self, comparison_id: str) -> str | None:
        """The latest capsule that was made of a comparison, as it was stored."""
        ...


class ClusterRows(Protocol):
    """What the dispatcher last saw of the cluster."""

    def put(self, capacity: Capacity) -> None:
        """Store the latest snapshot."""
        ...

    def get(self) -> Capacity | None:
        """The latest snapshot, if any."""
        ...
