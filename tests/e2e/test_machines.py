"""A service whose cluster has two machines: both are used, must share the storage, may be lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import Client
from service.contracts.catalogue import built_in
from service.contracts.events import Event
from service.contracts.plan import StudyAssignment, TrialAssignment
from service.contracts.states import (
    ENDED_COMPARISONS,
    ComparisonState,
    StudyKind,
    TrialState,
)
from service.contracts.views import ComparisonView, TrialView
from tests.support.machines import FIRST, SECOND, require_machines
from tests.support.running_service import wait_for
from tests.support.tiny_training import losses_of
from tests.support.two_machines import ServiceOnTwo, service_on_two_machines
from workers.context import TrialFolder, plan_trials
from workers.ranks.local import LocalRanks

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

EPOCHS = 20
FOR_LONG = {
    "name": "on two machines",
    "problems": ["logistic-regression"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": 10_000},
    "tuning": {"trials": 2},
    "seeds": 1,
}
ELASTIC = {
    "name": "one or two workers",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": EPOCHS},
    "tuning": {"trials": 1},
    "seeds": 1,
    "workers": {"min": 1, "max": 2},
}


@pytest.fixture(scope="module")
def service() -> Iterator[ServiceOnTwo]:
    require_machines()
    with service_on_two_machines() as started:
        yield started


@pytest.fixture
def client(service: ServiceOnTwo) -> Iterator[Client]:
    with service.client() as opened:
        yield opened


def test_trials_of_one_study_run_on_both_machines(client: Client) -> None:
    comparison = client.submit(FOR_LONG)
    wait_for(lambda: states(client, comparison) == [TrialState.RUNNING] * 2, 120, "two trials")
    wait_for(lambda: free(client) == {FIRST: 0, SECOND: 0}, 60, "both machines to be full")
    client.cancel(comparison.id)
    wait_for(lambda: free(client) == {FIRST: 1, SECOND: 1}, 60, "both machines to be free")


def test_a_storage_that_the_second_machine_lacks_is_refused(
    service: ServiceOnTwo, client: Client
) -> None:
    with service.second.machine.lacks(service.home / "storage"):
        view = ended(client, client.submit(FOR_LONG))
    assert view.state is ComparisonState.FAILED
    assert f"{service.home / 'storage'}, must be one folder that all machines share" in view.reason
    assert f"second ({SECOND}) did not find there" in view.reason
    assert FIRST not in view.reason


def test_ranks_on_two_machines_train_as_on_one_and_the_loss_of_one_machine_is_outlived(
    service: ServiceOnTwo, client: Client, tmp_path: Path
) -> None:
    comparison = client.submit(ELASTIC)
    wait_for(lambda: free(client) == {FIRST: 0, SECOND: 0}, 120, "a rank on each machine")
    wait_for(lambda: final(client, comparison).epochs_done >= 3, 180, "some epochs of the final")
    service.second.kill()
    view = ended(client, comparison)
    assert view.state is ComparisonState.FINISHED, view.reason
    curves = {curve.trial_id: curve for curve in client.metrics(comparison.id)}
    assert [curve.epoch for curve in curves.values()] == [tuple(range(EPOCHS + 1))] * 2
    (tuned,) = client.trials(comparison.id, kind=StudyKind.TUNING)
    assert list(curves[tuned.id].train_loss) == on_this_machine(tuned, tmp_path)
    assert "goes on with 1 workers what 2 had begun" in client.logs(comparison.id).text
    assert list(free(client)) == [FIRST]


def states(client: Client, comparison: ComparisonView) -> list[TrialState]:
    return [trial.state for trial in client.trials(comparison.id)]


def free(client: Client) -> dict[str, float | None]:
    """CPUs that nothing has reserved, by machine."""
    return {node.name: node.free_cpus for node in client.workers().nodes}


def ended(client: Client, comparison: ComparisonView) -> ComparisonView:
    wait_for(lambda: client.get(comparison.id).state in ENDED_COMPARISONS, 200, "its end")
    return client.get(comparison.id)


def final(client: Client, comparison: ComparisonView) -> TrialView:
    found = wait_for(
        lambda: [t for t in client.trials(comparison.id) if t.kind is StudyKind.FINALS],
        120,
        "the final",
    )
    return found[0]


def on_this_machine(trial: TrialView, folder: Path) -> list[float | None]:
    """The training losses of the same trial by two ranks on one machine."""
    assignment = TrialAssignment(
        trial_id=trial.id, contender=trial.contender, optimizer=trial.optimizer,
        settings=trial.settings, seed=trial.seed,
    )  # fmt: skip
    problem = built_in().problem(trial.problem)
    assert problem is not None
    study = StudyAssignment(
        study_id=trial.study_id, attempt=1, comparison_id="c", kind=trial.kind,
        problem=trial.problem, batch_size=problem.batch_size, epochs=EPOCHS, cpus=1, gpus=0,
        threads=1, workers=2, exclusive=False, trials=(assignment,),
    )  # fmt: skip
    (plan,) = plan_trials(study, built_in())
    events: list[Event] = []
    ranks = LocalRanks()
    try:
        ranks.run(plan, TrialFolder(folder), events.extend)
    finally:
        ranks.close()
    return [loss for loss, _ in losses_of(events)]
