"""Searches that learn: what a driver proposes the next points from."""

from collections.abc import Iterator, Sequence

from service.contracts.catalogue import Contender
from service.contracts.metrics import Metric
from service.contracts.plan import PlannedStudy
from service.contracts.proposals import Proposals, Tried
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_TRIALS, StudyKind, TrialState
from service.contracts.tuning import Search
from service.domain import draws, ids
from service.domain.results import TrialResult, counts
from service.domain.selection import final_loss


def learns(spec: ComparisonSpec, kind: StudyKind) -> bool:
    """Whether the points of such a study follow while it runs."""
    return kind is StudyKind.TUNING and spec.tuning.search is Search.TPE


def proposals(
    spec: ComparisonSpec,
    contender: Contender,
    metric: Metric,
    study: PlannedStudy,
    tried: Sequence[TrialResult],
    *,
    comparison_id: str,
) -> Proposals:
    """What the next points of a search are proposed from.

    Args:
        spec: The comparison.
        contender: Whose search it is.
        metric: The loss that points are chosen by.
        study: The search, with the points that its trials have.
        tried: Its trials with what they measured.
        comparison_id: The comparison it belongs to.
    """
    return Proposals(
        space=contender.space,
        metric=metric,
        tried=tuple(_tried(tried, metric, comparison_id)),
        open={
            ids.trial_id(comparison_id, trial.number): draws.proposal_seed(
                spec.seed, contender.space, index
            )
            for index, trial in enumerate(study.trials)
            if contender.space and not trial.point
        },
    )


def _tried(trials: Sequence[TrialResult], metric: Metric, comparison_id: str) -> Iterator[Tried]:
    for trial in sorted(trials, key=lambda trial: trial.number):
        runs = trial.state not in ENDED_TRIALS
        if trial.point and (runs or counts(trial)):
            loss = final_loss(trial, metric)
            stopped = trial.state is TrialState.STOPPED and loss is not None
            yield Tried(
                trial_id=ids.trial_id(comparison_id, trial.number),
                point=trial.point,
                state="running" if runs else "stopped" if stopped else "ended",
                epochs=trial.points[-1].epoch if trial.points else 0,
                loss=None if runs else loss,
            )
