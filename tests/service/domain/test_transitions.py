"""The table of states."""

from itertools import product

import pytest

from service.contracts.states import (
    ENDED_COMPARISONS,
    ENDED_STUDIES,
    ENDED_TRIALS,
    ComparisonState,
    StudyState,
    TrialState,
)
from service.domain.errors import TransitionRefused
from service.domain.transitions import State, allowed, check, following

COMPARISON = {
    "queued": "running paused failed cancelling",
    "running": "paused finished failed cancelling",
    "paused": "queued running cancelling",
    "cancelling": "cancelled",
    "finished": "running",
}
STUDY = {
    "queued": "submitted paused failed cancelling cancelled",
    "submitted": "running queued pausing failed cancelling",
    "running": "finished failed queued pausing paused cancelling",
    "pausing": "paused queued cancelling",
    "paused": "queued cancelled",
    "cancelling": "cancelled pausing",
    **dict.fromkeys(("finished", "failed", "cancelled"), "queued"),
}
TRIAL = {
    "queued": "running paused stopped failed cancelled",
    "running": "queued paused finished stopped diverged failed cancelled",
    "paused": "queued failed cancelled",
    "finished": "queued",
}


@pytest.mark.parametrize(
    ("states", "table"), [(ComparisonState, COMPARISON), (StudyState, STUDY), (TrialState, TRIAL)]
)
def test_exactly_the_changes_of_the_table_are_allowed(
    states: type[State], table: dict[str, str]
) -> None:
    for before, after in product(states, states):
        assert allowed(before, after) == (after in table.get(before, "").split()), (before, after)


@pytest.mark.parametrize(
    "ended", [*sorted(ENDED_COMPARISONS), *sorted(ENDED_STUDIES), *sorted(ENDED_TRIALS)]
)
def test_what_has_ended_goes_on_by_an_extension_alone(ended: State) -> None:
    after = [state.value for state in type(ended) if allowed(ended, state)]
    assert after in ([], ["queued"], ["running"])
    if not after:
        with pytest.raises(TransitionRefused, match="has ended"):
            check(ended, type(ended)("running"))


def test_what_a_person_cancelled_and_what_failed_is_over() -> None:
    for ended in ("cancelled", "failed"):
        assert not following(ComparisonState(ended))
        assert not following(TrialState(ended))


def test_states_of_different_things_do_not_mix() -> None:
    assert not allowed(TrialState.QUEUED, StudyState.SUBMITTED)
    assert not allowed(ComparisonState.QUEUED, TrialState.RUNNING)


def test_a_refusal_says_what_would_be_allowed() -> None:
    with pytest.raises(TransitionRefused, match=r"a study cannot go from cancelling to running"):
        check(StudyState.CANCELLING, StudyState.RUNNING)
    check(StudyState.CANCELLING, StudyState.CANCELLED)
