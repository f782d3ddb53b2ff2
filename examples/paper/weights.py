"""The part of the paper's training loss that is not in this project's: tau/2 |W|^2."""

from collections.abc import Iterator
from pathlib import Path

from service.contracts.catalogue import built_in
from service.contracts.event_lines import LOCAL_COMPARISON
from service.contracts.plan import Plan
from service.contracts.states import TrialState
from service.domain.planning import study_assignment
from service.domain.results import ComparisonResults
from workers.context import TrialFolder, TrialPlan, plan_trials


def weight_terms(folder: Path, results: ComparisonResults) -> tuple[tuple[str, float], ...]:
    """For each contender tau/2 |W|^2 over weights and biases at the end of its last whole run.

    Args:
        folder: Where the local chain left the plan and the checkpoints.
        results: What became of the plan's trials.
    """
    plan = Plan.model_validate_json((folder / "plan.json").read_bytes())
    finished = {trial.number for trial in results.trials if trial.state is TrialState.FINISHED}
    last = {trial.trial.contender: trial for trial in _trials(plan, finished)}
    found = ((name, _term(folder, trial)) for name, trial in last.items())
    return tuple((name, term) for name, term in found if term is not None)


def _trials(plan: Plan, finished: set[int]) -> Iterator[TrialPlan]:
    for study in plan.studies:
        others = {trial.number for trial in study.trials} - finished
        assignment = study_assignment(
            plan.spec,
            built_in(),
            study,
            comparison_id=LOCAL_COMPARISON,
            attempt=1,
            ended=others,
        )
        yield from plan_trials(assignment, built_in())


def _term(folder: Path, trial: TrialPlan) -> float | None:
    """None where nothing decays, or the checkpoint is gone."""

    from workers.checkpoint import CheckpointStore

    decay = trial.trial.settings.get("weight_decay")
    place = TrialFolder.of(
        folder / "checkpoints", comparison_id=LOCAL_COMPARISON, trial_id=trial.trial.trial_id
    )
    saved = CheckpointStore(place.path).load(trial.identity())
    if saved is None or saved.state is None or not isinstance(decay, int | float) or not decay:
        return None
    squares = (tensor.double().square().sum().item() for tensor in saved.state["model"].values())
    return decay / 2 * sum(squares)
