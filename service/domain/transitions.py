"""The table of states: which changes a comparison, a study and a trial may make."""

from collections.abc import Mapping

from service.contracts.states import ENDED_STUDIES, ComparisonState, StudyState, TrialState
from service.domain.errors import TransitionRefused

State = ComparisonState | StudyState | TrialState

_COMPARISON: Mapping[ComparisonState, frozenset[ComparisonState]] = {
    ComparisonState.QUEUED: frozenset(
        {
            ComparisonState.RUNNING,
            ComparisonState.PAUSED,
            ComparisonState.FAILED,
            ComparisonState.CANCELLING,
        }
    ),
    ComparisonState.RUNNING: frozenset(
        {
            ComparisonState.PAUSED,
            ComparisonState.FINISHED,
            ComparisonState.FAILED,
            ComparisonState.CANCELLING,
        }
    ),
    ComparisonState.PAUSED: frozenset(
        {ComparisonState.QUEUED, ComparisonState.RUNNING, ComparisonState.CANCELLING}
    ),
    ComparisonState.CANCELLING: frozenset({ComparisonState.CANCELLED}),
    ComparisonState.FINISHED: frozenset({ComparisonState.RUNNING}),  # extended
}

_STUDY: Mapping[StudyState, frozenset[StudyState]] = {
    StudyState.QUEUED: frozenset(
        {
            StudyState.SUBMITTED,
            StudyState.PAUSED,
            StudyState.FAILED,
            StudyState.CANCELLING,
            StudyState.CANCELLED,
        }
    ),
    StudyState.SUBMITTED: frozenset(
        {
            StudyState.RUNNING,
            StudyState.QUEUED,
            StudyState.PAUSING,
            StudyState.FAILED,
            StudyState.CANCELLING,
        }
    ),
    StudyState.RUNNING: frozenset(
        {
            StudyState.FINISHED,
            StudyState.FAILED,
            StudyState.QUEUED,
            StudyState.PAUSING,
            StudyState.PAUSED,
            StudyState.CANCELLING,
        }
    ),
    StudyState.PAUSING: frozenset({StudyState.PAUSED, StudyState.QUEUED, StudyState.CANCELLING}),
    StudyState.PAUSED: frozenset({StudyState.QUEUED, StudyState.CANCELLED}),
    **dict.fromkeys(ENDED_STUDIES, frozenset({StudyState.QUEUED})),  # extended
    StudyState.CANCELLING: frozenset({StudyState.CANCELLED, StudyState.PAUSING}),  # extended
}

_TRIAL: Mapping[TrialState, frozenset[TrialState]] = {
    TrialState.QUEUED: frozenset(
        {
            TrialState.RUNNING,
            TrialState.PAUSED,
            TrialState.STOPPED,
            TrialState.FAILED,
            TrialState.CANCELLED,
        }
    ),
    TrialState.RUNNING: frozenset(
        {
            TrialState.QUEUED,
            TrialState.PAUSED,
            TrialState.FINISHED,
            TrialState.STOPPED,
            TrialState.DIVERGED,
            TrialState.FAILED,
            TrialState.CANCELLED,
        }
    ),
    TrialState.PAUSED: frozenset({TrialState.QUEUED, TrialState.FAILED, TrialState.CANCELLED}),
    TrialState.FINISHED: frozenset({TrialState.QUEUED}),  # extended
}


def following(before: State) -> frozenset[State]:
    """The states that may come next; empty where it has ended."""
    match before:
        case ComparisonState():
            return frozenset(_COMPARISON.get(before, ()))
        case StudyState():
            return frozenset(_STUDY.get(before, ()))
        case TrialState():
            return frozenset(_TRIAL.get(before, ()))


def allowed(before: State, after: State) -> bool:
    """Whether the change may be made; staying in a state is no change and not allowed."""
    return type(before) is type(after) and after in following(before)


def check(before: State, after: State) -> None:
    """Refuse a change that the table does not hold.

    Raises:
        TransitionRefused: Naming both states and what would be allowed.
    """
    if allowed(before, after):
        return
    subject = type(before).__name__.removesuffix("State").lower()
    possible = ", ".join(sorted(following(before))) or "nothing, for it has ended"
    raise TransitionRefused(f"a {subject} cannot go from {before} to {after}; allowed: {possible}")
