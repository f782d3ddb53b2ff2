"""A comparison whose trials two workers train, one of whom is killed, through every part."""

import pytest

from service.contracts.states import ENDED_COMPARISONS, ComparisonState, TrialState
from tests.support.running_service import running_service, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

EPOCHS = 25
SPEC = {
    "name": "two workers a trial",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": EPOCHS},
    "tuning": {"trials": 1},
    "seeds": 1,
    "workers": 2,
}


def test_a_comparison_over_two_workers_outlives_a_killed_one_and_is_reported() -> None:
    with running_service() as service, service.client() as client:
        comparison = client.submit(SPEC)
        wait_for(
            lambda: any(c.epochs_done >= 3 for c in client.get(comparison.id).contenders),
            200,
            "some epochs",
        )
        service.processes("RayTrainWorker")[-1].kill()
        wait_for(lambda: client.get(comparison.id).state in ENDED_COMPARISONS, 300, "its end")
        view = client.get(comparison.id)
        assert view.state is ComparisonState.FINISHED, view.reason
        trials = client.trials(comparison.id)
        assert {trial.state for trial in trials} == {TrialState.FINISHED}
        for curve in client.metrics(comparison.id):
            assert curve.epoch == tuple(range(EPOCHS + 1))
        report = client.report(comparison.id)
        assert report.problems[0].contenders[0].runs == 1
