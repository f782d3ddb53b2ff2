"""What a page says of a comparison beyond its figures: what goes on, who leads, who is silent."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from api.dashboard import wording
from service.contracts import numbers
from service.contracts.report import ProblemReport
from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ComparisonState,
    StudyKind,
    StudyState,
)
from service.contracts.views import ComparisonView, ContenderProgress, StudyView

SILENT_AFTER_SECONDS = 10
"""A driver reports each second; after so many seconds without, the page says so."""


def is_live(view: ComparisonView) -> bool:
    """Whether the comparison can still change."""
    return view.state not in ENDED_COMPARISONS


def silent_seconds(view: ComparisonView, now: datetime) -> int | None:
    """How long no driver was heard of, where one should be; None while all is well."""
    if view.state is not ComparisonState.RUNNING or view.last_heartbeat is None:
        return None
    seconds = int((now - wording.aware(view.last_heartbeat)).total_seconds())
    return seconds if seconds > SILENT_AFTER_SECONDS else None


def leader(view: ComparisonView) -> ContenderProgress | None:
    """The contender, not cancelled, with the lowest loss so far; None before, and at a tie."""
    ranked = sorted(
        (entry for entry in view.contenders if entry.best_loss is not None and not entry.cancelled),
        key=lambda entry: entry.best_loss or 0.0,
    )
    if not ranked or any(
        first.best_loss == second.best_loss for first, second in pairwise(ranked[:2])
    ):
        return None
    return ranked[0]


def is_decidable(problem: ProblemReport) -> bool:
    """Whether there are finals to speak of: two contenders with a run that ended."""
    return sum(1 for entry in problem.contenders if entry.runs > 0) >= min(
        2, len(problem.contenders)
    )


def activity(view: ComparisonView, studies: Sequence[StudyView]) -> str:
    """What is going on, in a sentence or two; empty once the comparison has finished."""
    match view.state:
        case ComparisonState.QUEUED:
            return "Waiting for the dispatcher to start the first study."
        case ComparisonState.RUNNING:
            return _running(studies) + _held(view)
        case ComparisonState.PAUSED:
            return (
                f"Paused{_because(view.reason)} Nothing of it runs until it is resumed; then each "
                "trial goes on after its last whole epoch."
            )
        case ComparisonState.CANCELLING:
            return "Being cancelled: the trials that still run are told to stop."
        case ComparisonState.CANCELLED:
            return f"Cancelled{_because(view.reason)} What was measured until then stands below."
        case ComparisonState.FAILED:
            return f"Failed{_because(view.reason)} What was measured until then stands below."
        case ComparisonState.FINISHED:
            return ""


def latest_start(studies: Sequence[StudyView]) -> str:
    """What the start of the study that began last took; empty before a first metric."""
    begun = [
        (study.started_at, study.contender, study.start)
        for study in studies
        if study.started_at and study.start
    ]
    if not begun:
        return ""
    _, contender, start = max(begun, key=lambda one: wording.aware(one[0]))
    what = f"the tuning of {contender}" if contender else "the finals"
    return f"The start of {what} took {start.sentence}."


def _because(reason: str) -> str:
    return f": {reason.rstrip('.')}." if reason else "."


def _running(studies: Sequence[StudyView]) -> str:
    tuning = [study for study in studies if study.kind is StudyKind.TUNING]
    finals = [study for study in studies if study.kind is StudyKind.FINALS]
    if finals and any(study.state not in ENDED_STUDIES for study in finals):
        return f"Finals on fresh seeds: {_ended(finals)}."
    if any(study.state is StudyState.RUNNING for study in tuning):
        names = ", ".join(
            study.contender or study.problem
            for study in tuning
            if study.state is StudyState.RUNNING
        )
        return f"Tuning {names}: {_ended(tuning)} over all contenders. The finals come next."
    if any(study.state not in ENDED_STUDIES for study in tuning):
        return f"Tuning: {_ended(tuning)}; waiting for a study to start."
    return "Tuning is over; the finals are being prepared."


def _held(view: ComparisonView) -> str:
    paused = sum(entry.paused for entry in view.contenders)
    if not paused:
        return ""
    verb = "is" if paused == 1 else "are"
    return f" {numbers.counted(paused, 'trial')} {verb} paused until somebody resumes them."


def _ended(studies: Sequence[StudyView]) -> str:
    ended = sum(study.trials_ended for study in studies)
    return f"{ended:,} of {numbers.counted(sum(study.trials for study in studies), 'trial')} ended"
