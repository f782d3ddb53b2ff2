"""Which searches are about to end, so that the driver of the next one can start meanwhile."""

from collections import defaultdict
from collections.abc import Iterable

from service.contracts.states import StudyKind, StudyState
from service.domain.ports import UnitOfWork
from service.domain.records import StudyRecord, UnfinishedTrial


def about_to_end(
    unit: UnitOfWork, studies: Iterable[StudyRecord], *, within: float
) -> frozenset[str]:
    """The ids of the searches that end so soon, at the pace of their trials' epochs so far.

    In one that does, each trial that has not ended runs, so that nothing more begins in it. Those
    over several workers are left out, for a trial that lost one needs room for a new group; and
    those with worker-seconds for a budget, of which a driver that starts beside them takes some.

    Args:
        unit: What is stored.
        studies: Which may be.
        within: Seconds.
    """
    searches = [study for study in studies if _may_be(study)]
    left: dict[str, list[UnfinishedTrial]] = defaultdict(list)
    for trial in unit.trials.unfinished({study.id for study in searches}):
        left[trial.study_id].append(trial)
    return frozenset(
        study.id
        for study in searches
        if all(trial.runs_in(study.attempt) for trial in left[study.id])
        and _seconds_left(unit, study, left[study.id]) <= within
    )


def _may_be(study: StudyRecord) -> bool:
    return (
        study.kind is StudyKind.TUNING
        and study.state is StudyState.RUNNING
        and study.most_workers == 1
    )


def _seconds_left(unit: UnitOfWork, study: StudyRecord, left: list[UnfinishedTrial]) -> float:
    """Until the last of these trials of one worker ends; infinite where that is not to be known."""
    comparison = unit.comparisons.get(study.comparison_id)
    if comparison is None or comparison.spec.tuning.worker_seconds is not None:
        return float("inf")
    epochs = comparison.spec.budget.epochs
    return max((trial.seconds_left(epochs) for trial in left), default=0.0)
