"""An optimizer against itself, on Ray, from its search to the verdict; then on two threads."""

import pytest

from service.contracts.states import ComparisonState, StudyKind
from tests.support.running_service import RunningService, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

ADAM = {"optimizer": "adam", "space": {"lr": {"log": [0.001, 0.1]}}}
SPEC = {
    "name": "adam against adam",
    "problems": ["logistic-regression"],
    "contenders": [ADAM, {**ADAM, "name": "adam-again"}],
    "budget": {"epochs": 2},
    "tuning": {"trials": 2},
    "seeds": 8,
    "batch_size": 1000,
    "verdict": {"outcome": "epochs"},
}


@pytest.fixture(scope="module")
def finished(service: RunningService) -> str:
    with service.client() as client:
        comparison = client.submit(SPEC)
        wait_for(lambda: client.get(comparison.id).ended_at is not None, 300, "its end")
    return comparison.id


def test_both_have_the_same_points_and_losses_bit_for_bit_and_neither_wins(
    service: RunningService, finished: str
) -> None:
    with service.client() as client:
        trials, curves = client.trials(finished), client.metrics(finished)
        (problem,) = client.report(finished).problems
    losses = {curve.trial_id: curve.train_loss for curve in curves}
    one, other = (
        {
            (trial.kind, str(trial.point), trial.seed): losses[trial.id]
            for trial in trials
            if trial.contender == name
        }
        for name in ("adam", "adam-again")
    )
    assert one == other
    assert len({kind for kind, _, _ in one}) == len(StudyKind)
    assert len(set(one.values())) == 2 + 8, "points and seeds make runs differ"
    assert problem.sentence.startswith("No clear winner")
    assert problem.winner is None


def test_a_rerun_names_the_threads_that_are_others(service: RunningService, finished: str) -> None:
    with service.client() as client:
        again = client.capsules.rerun(client.capsules.of(finished), threads=2).id

        def compared() -> tuple[str, ...]:
            rerun = client.report(again).rerun
            return rerun.differences if rerun is not None and rerun.compared else ()

        assert wait_for(compared, 120, "its first trial") == ("threads: 1 then, 2 now",)
        client.cancel(again)
        wait_for(lambda: client.get(again).state is ComparisonState.CANCELLED, 60, "its end")
