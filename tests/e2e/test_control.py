"""A comparison is paused, resumed and cut down while it trains; nothing of it is left running."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.client import Client
from service.contracts.catalogue import built_in
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, StudyState
from service.domain import planning
from tests.support.running_service import RunningService, running_service, wait_for
from workers.context import TrialFolder, plan_trials
from workers.trial import Trial

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

SPEC = {
    "name": "paused in the middle",
    "problems": ["logistic-regression"],
    "contenders": [{"optimizer": "adam"}, {"optimizer": "kbfgs"}],
    "budget": {"epochs": 10_000},
    "tuning": {"trials": 1},
    "seeds": 1,
}
AT_ONCE = 5.0
"""Seconds within which what was asked has its effect."""
PAUSE = 6.0


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """A folder for temporary files that this service alone uses; short, for Ray's sockets."""
    with (
        tempfile.TemporaryDirectory(prefix="kt") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        yield Path(folder)


@pytest.fixture(scope="module")
def service(temporary: Path) -> Iterator[RunningService]:
    with running_service() as started:
        yield started


def test_a_pause_changes_nothing_and_a_cancel_leaves_nothing(
    service: RunningService, temporary: Path, tmp_path: Path
) -> None:
    with service.client() as client:
        comparison = client.submit(SPEC)
        wait_for(lambda: epochs(client, comparison.id) >= 3, 240, "some epochs")

        assert scratch(temporary), "drivers keep Tune's files there"
        asked = time.monotonic()
        assert client.pause(comparison.id).state is ComparisonState.PAUSED
        wait_for(lambda: not trainers(service), AT_ONCE, "the trials' end")
        wait_for(lambda: states(client, comparison.id) == {StudyState.PAUSED}, 5, "the rows")
        paused_at = epochs(client, comparison.id)
        time.sleep(max(0.0, PAUSE - (time.monotonic() - asked)))
        assert epochs(client, comparison.id) == paused_at
        client.resume(comparison.id)
        wait_for(lambda: epochs(client, comparison.id) >= paused_at + 3, 240, "more epochs")

        assert client.cancel(comparison.id, contender="adam").state is ComparisonState.RUNNING
        wait_for(lambda: len(drivers(service)) == 1, AT_ONCE, "the end of adam's driver")
        (curve,) = client.metrics(comparison.id, contender="adam")
        left = {StudyState.CANCELLED, StudyState.RUNNING}
        wait_for(lambda: states(client, comparison.id) == left, AT_ONCE, "the rows")
        client.cancel(comparison.id)
        wait_for(lambda: not trainers(service), AT_ONCE, "the end of everything")
        wait_for(lambda: not scratch(temporary), AT_ONCE, "the temporary files' end")
        wait_for(lambda: all_free(client), 15, "a snapshot in which nothing is reserved")
        wait_for(lambda: not left_over(service, comparison.id), 15, "the checkpoints' end")
        assert client.get(comparison.id).state is ComparisonState.CANCELLED

    assert curve.train_loss[: paused_at + 3] == undisturbed(tmp_path, epochs=paused_at + 2)
    steps = [b - a for a, b in zip(curve.elapsed_seconds, curve.elapsed_seconds[1:], strict=False)]
    assert max(steps) < PAUSE, "the clock shows none of the pause"


def undisturbed(folder: Path, *, epochs: int) -> tuple[float | None, ...]:
    """The losses of the first trial, trained here without a break."""
    spec, catalogue = ComparisonSpec.model_validate(SPEC), built_in()
    study = planning.plan(spec, catalogue).studies[0]
    assignment = planning.study_assignment(
        spec, catalogue, study, comparison_id="c", attempt=1, ended=()
    )
    trial = Trial(plan_trials(assignment, catalogue)[0], TrialFolder(folder))
    told = trial.start()
    for _ in range(epochs):
        told += trial.advance()
    return tuple(event.point.train_loss for event in told if event.type == "trial_point")


def epochs(client: Client, comparison_id: str) -> int:
    """Epochs that adam's trial has done, once both contenders train side by side."""
    adam, kbfgs = client.get(comparison_id).contenders
    return adam.epochs_done if kbfgs.epochs_done else 0


def states(client: Client, comparison_id: str) -> set[StudyState]:
    return {study.state for study in client.studies(comparison_id)}


def drivers(service: RunningService) -> list[int]:
    """The processes of drivers, without the shells around them."""
    return [one.pid for one in service.processes("workers run") if "sh" not in one.name()]


def trainers(service: RunningService) -> list[int]:
    """The processes of drivers and of trials."""
    patterns = ("workers run", "TrialTrainable", "ray::ImplicitFunc")
    return [process.pid for pattern in patterns for process in service.processes(pattern)]


def all_free(client: Client) -> bool:
    """Whether no placement group holds a CPU any more."""
    cluster = client.workers()
    return cluster.free_cpus == cluster.cpus


def left_over(service: RunningService, comparison_id: str) -> list[Path]:
    return list(service.home.glob(f"**/{comparison_id}*"))


def scratch(folder: Path) -> list[Path]:
    """What drivers keep for themselves."""
    return list(folder.glob("kbfgs-*"))
