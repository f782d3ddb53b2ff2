"""What the driver of a search has to know of it: its budget, and what its trials came to."""

from collections.abc import Iterator, Sequence

from service.contracts.capsule import Capsule
from service.contracts.catalogue import Catalogue, resolve
from service.contracts.metrics import Metric
from service.contracts.plan import PlannedStudy, StudyAssignment
from service.contracts.proposals import Proposals, Rungs, Tried
from service.contracts.space import Space
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_TRIALS, StudyKind, TrialState
from service.contracts.tuning import Search
from service.domain import draws, ids
from service.domain.counterparts import stops
from service.domain.results import TrialResult, counts
from service.domain.selection import deciding_metric, final_loss


def learns(spec: ComparisonSpec, kind: StudyKind) -> bool:
    """Whether the points of such a study follow while it runs."""
    return kind is StudyKind.TUNING and spec.tuning.search is Search.TPE


def informed(
    assignment: StudyAssignment,
    study: PlannedStudy,
    *,
    spec: ComparisonSpec,
    catalogue: Catalogue,
    tried: Sequence[TrialResult],
    capsule: Capsule | None = None,
) -> StudyAssignment:
    """The assignment with what a search has to know: its budget, and what its trials came to.

    Args:
        assignment: Of any study; that of finals stays as it is.
        study: The study, with the points that its trials have.
        spec: The comparison.
        catalogue: Where the space and the deciding loss are found.
        tried: Its trials with what they measured.
        capsule: What the comparison runs again: then every point is known, and trials stop where
            they stopped before, whatever they measure and cost.
    """
    if study.kind is not StudyKind.TUNING:
        return assignment
    if capsule is not None:
        return assignment.model_copy(update={"rungs": _as_before(assignment, study, capsule)})
    known: dict[str, object] = {"worker_seconds": spec.tuning.worker_seconds}
    if spec.tuning.worker_seconds is not None:
        known["spent"] = {
            ids.trial_id(assignment.comparison_id, trial.number): trial.worker_seconds
            for trial in tried
        }
    if learns(spec, study.kind):
        known["proposals"] = _proposals(
            assignment, study, spec=spec, catalogue=catalogue, tried=tried
        )
    if spec.tuning.asha is not None:
        metric = deciding_metric(spec, study.problem, catalogue)
        epochs = spec.tuning.asha.rungs(spec.budget.epochs)
        losses = {
            ids.trial_id(assignment.comparison_id, trial.number): _passed(trial, epochs, metric)
            for trial in tried
        }
        known["rungs"] = Rungs(
            epochs=epochs,
            reduction_factor=spec.tuning.asha.reduction_factor,
            metric=metric,
            losses=losses,
        )
    return assignment.model_copy(update=known)


def _as_before(assignment: StudyAssignment, study: PlannedStudy, capsule: Capsule) -> Rungs | None:
    """Where the trials of a rerun stop; None where all go to their end."""
    epochs = {
        ids.trial_id(assignment.comparison_id, number): epoch
        for number, epoch in stops(capsule, study).items()
    }
    if not epochs:
        return None
    return Rungs(
        epochs=tuple(sorted(set(epochs.values()))),
        reduction_factor=2,
        metric=assignment.metric,
        losses={},
        stops=epochs,
    )


def searched_space(spec: ComparisonSpec, catalogue: Catalogue, contender: str | None) -> Space:
    """The space of a contender, defaults filled in."""
    return next(one.space for one in resolve(spec, catalogue) if one.name == contender)


def _proposals(
    assignment: StudyAssignment,
    study: PlannedStudy,
    *,
    spec: ComparisonSpec,
    catalogue: Catalogue,
    tried: Sequence[TrialResult],
) -> Proposals:
    space = searched_space(spec, catalogue, study.contender)
    metric = deciding_metric(spec, study.problem, catalogue)
    return Proposals(
        space=space,
        metric=metric,
        tried=tuple(_tried(tried, metric, assignment.comparison_id)),
        open={
            ids.trial_id(assignment.comparison_id, trial.number): draws.proposal_seed(
                spec.seed, space, index
            )
            for index, trial in enumerate(study.trials)
            if space and not trial.point
        },
    )


def _passed(trial: TrialResult, rungs: Sequence[int], metric: Metric) -> dict[int, float | None]:
    """The trial's losses at the rungs that it has come to, at each of which it was judged.

    A point is told together with the end that it leads to, so a trial that has not ended may go on.
    """
    return {point.epoch: point.value(metric) for point in trial.points if point.epoch in rungs}


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
