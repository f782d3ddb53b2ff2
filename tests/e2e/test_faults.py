"""Processes are killed in the middle of a run; the comparison finishes by itself."""

from collections.abc import Iterator

import psutil
import pytest

from api.client import Client
from service.contracts.states import ENDED_COMPARISONS, ComparisonState, TrialState
from service.contracts.views import ComparisonView
from tests.support.running_service import RunningService, running_service, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

EPOCHS = 6
SPEC = {
    "name": "killed in the middle",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "budget": {"epochs": EPOCHS},
    "tuning": {"trials": 2},
    "seeds": 2,
}


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service() as started:
        yield started


def test_a_killed_driver_and_a_killed_dispatcher_lose_nothing(service: RunningService) -> None:
    with service.client() as client:
        undisturbed = finish(client, client.submit(SPEC))
        disturbed = client.submit(SPEC)
        wait_for(lambda: epochs_done(client, disturbed) >= 2, 120, "some epochs")
        kill(service, "workers run")
        wait_for(lambda: epochs_done(client, disturbed) >= 2 * EPOCHS + 2, 240, "more epochs")
        kill(service, "service dispatch")
        finish(client, disturbed)

        trials = client.trials(disturbed.id)
        curves = client.metrics(disturbed.id)
        assert {trial.state for trial in trials} == {TrialState.FINISHED}
        assert max(study.attempt for study in client.studies(disturbed.id)) >= 2
        assert {curve.trial_id: curve.epoch for curve in curves} == {
            trial.id: tuple(range(EPOCHS + 1)) for trial in trials
        }
        assert losses(client, disturbed) == losses(client, undisturbed)


def test_a_second_start_goes_on_with_what_was_unfinished() -> None:
    with running_service() as first:
        with first.client() as client:
            comparison = client.submit(SPEC)
            wait_for(lambda: epochs_done(client, comparison) >= 2, 120, "some epochs")
        killed = first.processes()
        first.process.kill()
        first.process.wait()
        with running_service(first.home) as second, second.client() as client:
            finish(client, comparison)
            curves = client.metrics(comparison.id)
        assert {curve.epoch for curve in curves} == {tuple(range(EPOCHS + 1))}
        _, alive = psutil.wait_procs(killed, timeout=30)
        assert not alive, alive


def finish(client: Client, comparison: ComparisonView) -> ComparisonView:
    """Wait until a comparison ended, and hold that it finished."""
    wait_for(lambda: client.get(comparison.id).state in ENDED_COMPARISONS, 300, "its end")
    view = client.get(comparison.id)
    assert view.state is ComparisonState.FINISHED, view.reason
    return view


def epochs_done(client: Client, comparison: ComparisonView) -> int:
    return sum(contender.epochs_done for contender in client.get(comparison.id).contenders)


def losses(client: Client, comparison: ComparisonView) -> dict[str, tuple[float | None, ...]]:
    """Each trial's training losses, by its number in the comparison."""
    series = client.metrics(comparison.id)
    return {curve.trial_id.split("-")[-1]: curve.train_loss for curve in series}


def kill(service: RunningService, pattern: str) -> None:
    """``kill -9`` the innermost process with this command line."""
    found = wait_for(lambda: service.processes(pattern), 30, pattern)
    found[-1].kill()
