"""The closed sets of states and kinds that rows, events and views speak in."""

from enum import StrEnum


class ComparisonState(StrEnum):
    """Where a comparison stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class StudyState(StrEnum):
    """Where a study, the unit of dispatch, stands."""

    QUEUED = "queued"
    SUBMITTED = "submitted"
    RUNNING = "running"
    PAUSING = "pausing"
    """Its driver is being stopped; then it is paused, or queued where a trial may go on."""
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    FAILED = "failed"


class TrialState(StrEnum):
    """Where a trial, one training run, stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    """Held until somebody resumes it; its process stops within seconds, its checkpoint stays."""
    FINISHED = "finished"
    STOPPED = "stopped"
    """Ended early by its search, or never begun: what it measured so far stands."""
    DIVERGED = "diverged"
    FAILED = "failed"
    CANCELLED = "cancelled"


class StudyKind(StrEnum):
    """What a study is for: searching a contender's space, or the finals on fresh seeds."""

    TUNING = "tuning"
    FINALS = "finals"


class FailureKind(StrEnum):
    """Why a trial failed; only ``LOST_WORKER`` is worth a second attempt."""

    OUT_OF_MEMORY = "out_of_memory"
    BAD_SETTING = "bad_setting"
    DATA_MISSING = "data_missing"
    LOST_WORKER = "lost_worker"
    BUG = "bug"


OWN_FAILURES = frozenset({FailureKind.OUT_OF_MEMORY, FailureKind.BAD_SETTING})
"""Failures that are the contender's: they count as a miss. Others say nothing of its point."""
ENDED_TRIALS = frozenset(
    {
        TrialState.FINISHED,
        TrialState.STOPPED,
        TrialState.DIVERGED,
        TrialState.FAILED,
        TrialState.CANCELLED,
    }
)
ENDED_STUDIES = frozenset({StudyState.FINISHED, StudyState.FAILED, StudyState.CANCELLED})
ENDED_COMPARISONS = frozenset(
    {ComparisonState.FINISHED, ComparisonState.FAILED, ComparisonState.CANCELLED}
)
