"""A comparison is paused, resumed and cut down while it trains; nothing of it is left running."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.client import Client
from service.contracts.catalogue import built_in
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, StudyKind, StudyState
from service.contracts.views import Series
from service.domain import planning
from tests.support.footprint import Footprint
from tests.support.running_service import wait_for
from workers.context import TrialFolder, TrialPlan, plan_trials
from workers.local import run_trial
from workers.ranks.local import LocalRanks
from workers.trial import Trial

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

SPEC: dict[str, Any] = {
    "name": "paused in the middle",
    "problems": ["logistic-regression"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": 10_000},
    "tuning": {"trials": 1},
    "seeds": 1,
}
TWO_CONTENDERS = {**SPEC, "contenders": [{"optimizer": "adam"}, {"optimizer": "kbfgs"}]}
GANG = {**SPEC, "workers": 2}
TOO_LARGE = {**SPEC, "resources": {"cpus": 64}, "if_short": "wait"}
SOON_IN_FINALS = {**SPEC, "budget": {"epochs": 50}, "seeds": 200}
AT_ONCE = 5.0
"""Seconds within which what was asked has its effect."""
ITS_FIRST_PROCESS = 15.0
"""Before a job can be told to stop Ray starts the process that is to stop it, which takes 1 to 3 s
where nothing else runs, and longer on a loaded machine."""
STARTED = 240.0
RANK = "RayTrainWorker"
PAUSE = 6.0


@pytest.fixture(scope="module")
def client(footprint: Footprint) -> Iterator[Client]:
    with footprint.service.client() as opened:
        yield opened


def test_a_pause_changes_nothing_and_what_is_cancelled_leaves_nothing(
    footprint: Footprint, client: Client, tmp_path: Path
) -> None:
    comparison = client.submit(TWO_CONTENDERS)
    wait_for(lambda: epochs(client, comparison.id) >= 3, STARTED, "some epochs")
    paused_at, asked = pause(footprint, client, comparison.id)
    time.sleep(max(0.0, PAUSE - (time.monotonic() - asked)))
    assert epochs(client, comparison.id) == paused_at
    client.resume(comparison.id)
    wait_for(lambda: epochs(client, comparison.id) >= paused_at + 3, STARTED, "more epochs")

    assert client.cancel(comparison.id, contender="adam").state is ComparisonState.RUNNING
    wait_for(lambda: len(footprint.drivers()) == 1, AT_ONCE, "the end of adam's driver")
    (curve,) = client.metrics(comparison.id, contender="adam")
    left = {StudyState.CANCELLED, StudyState.RUNNING}
    wait_for(lambda: states(client, comparison.id) == left, AT_ONCE, "the rows")
    client.pause(comparison.id)
    wait_for(lambda: StudyState.PAUSED in states(client, comparison.id), AT_ONCE, "another pause")
    client.resume(comparison.id)
    wait_for(lambda: StudyState.RUNNING in states(client, comparison.id), STARTED, "a new driver")
    cancel(footprint, client, comparison.id)
    assert_undisturbed(curve, TWO_CONTENDERS, tmp_path, epochs=paused_at + 2)


def test_a_trial_over_two_workers_outlives_one_and_is_paused_and_cancelled_alike(
    footprint: Footprint, client: Client, tmp_path: Path
) -> None:
    comparison = client.submit(GANG)
    wait_for(lambda: epochs(client, comparison.id) >= 3, STARTED, "some epochs")
    group = footprint.service.processes(RANK)
    group[-1].kill()
    wait_for(lambda: set(footprint.service.processes(RANK)) - set(group), STARTED, "a new group")
    reached = epochs(client, comparison.id)
    wait_for(lambda: epochs(client, comparison.id) >= reached + 3, STARTED, "its epochs")
    paused_at, _ = pause(footprint, client, comparison.id)
    client.resume(comparison.id)
    wait_for(lambda: epochs(client, comparison.id) >= paused_at + 3, STARTED, "more epochs")
    (curve,) = client.metrics(comparison.id, contender="adam")
    cancel(footprint, client, comparison.id)
    assert_undisturbed(curve, GANG, tmp_path, epochs=paused_at + 2)


def submitted(_footprint: Footprint, client: Client, name: str) -> bool:
    return StudyState.SUBMITTED in states(client, name)


def importing(footprint: Footprint, _client: Client, _name: str) -> bool:
    return bool(footprint.drivers())


def starting_actors(_footprint: Footprint, client: Client, name: str) -> bool:
    return StudyState.RUNNING in states(client, name)


def paused(_footprint: Footprint, client: Client, name: str) -> bool:
    found = states(client, name)
    if StudyState.RUNNING in found:
        client.pause(name)
    return found == {StudyState.PAUSED}


def waiting(_footprint: Footprint, client: Client, name: str) -> bool:
    return any("larger machine" in study.reason for study in client.studies(name))


def in_finals(_footprint: Footprint, client: Client, name: str) -> bool:
    finals = [study for study in client.studies(name) if study.kind is StudyKind.FINALS]
    return bool(finals) and epochs(client, name) > SOON_IN_FINALS["budget"]["epochs"]


@pytest.mark.parametrize(
    ("spec", "there", "within"),
    [
        (TOO_LARGE, waiting, AT_ONCE),
        (SPEC, submitted, ITS_FIRST_PROCESS),
        (SPEC, importing, AT_ONCE),
        (SPEC, starting_actors, AT_ONCE),
        (SPEC, paused, AT_ONCE),
        (SOON_IN_FINALS, in_finals, AT_ONCE),
    ],
    ids=["queued", "submitted", "importing", "starting actors", "paused", "finals"],
)
def test_one_that_is_cancelled_on_its_way_leaves_nothing(
    footprint: Footprint,
    client: Client,
    spec: dict[str, Any],
    there: Callable[[Footprint, Client, str], bool],
    within: float,
) -> None:
    comparison = client.submit(spec)
    wait_for(lambda: there(footprint, client, comparison.id), STARTED, there.__name__)
    cancel(footprint, client, comparison.id, within=within)


def pause(footprint: Footprint, client: Client, name: str) -> tuple[int, float]:
    """Pause the only comparison that runs; the epochs that it has then, and when it was asked."""
    asked = time.monotonic()
    assert client.pause(name).state is ComparisonState.PAUSED
    wait_for(lambda: not footprint.processes(), AT_ONCE, "the trials' end")
    wait_for(lambda: states(client, name) == {StudyState.PAUSED}, AT_ONCE, "the rows")
    return epochs(client, name), asked


def cancel(footprint: Footprint, client: Client, name: str, *, within: float = AT_ONCE) -> None:
    """Cancel the only comparison that runs, and see that nothing of it is left so soon."""
    client.cancel(name)
    gone = footprint.gone_after(client, name, within)
    print(", ".join(f"{what} {seconds:.1f} s" for what, seconds in gone.items()))
    assert not footprint.strays()
    assert client.get(name).state is ComparisonState.CANCELLED


def assert_undisturbed(curve: Series, spec: dict[str, Any], folder: Path, *, epochs: int) -> None:
    """Hold the beginning of a curve against a run without a break, and its clock against one."""
    assert curve.train_loss[: epochs + 1] == undisturbed(spec, folder, epochs=epochs)
    steps = [after - before for before, after in pairwise(curve.training_seconds)]
    assert max(steps) < PAUSE, "the clock shows none of the pause"


def undisturbed(spec: dict[str, Any], folder: Path, *, epochs: int) -> tuple[float | None, ...]:
    """The losses of the first trial, trained here without a break."""
    plan = first_plan({**spec, "budget": {"epochs": epochs}})
    told: list[Any] = []
    if plan.workers == 1:
        run_trial(Trial(plan, TrialFolder(folder)), told.extend)
    else:
        ranks = LocalRanks()
        ranks.run(plan, TrialFolder(folder), told.extend)
        ranks.close()
    return tuple(event.point.train_loss for event in told if event.type == "trial_point")


def first_plan(spec: dict[str, Any]) -> TrialPlan:
    asked, catalogue = ComparisonSpec.model_validate(spec), built_in()
    study = planning.plan(asked, catalogue).studies[0]
    assignment = planning.study_assignment(
        asked, catalogue, study, comparison_id="c", attempt=1, ended=()
    )
    return plan_trials(assignment, catalogue)[0]


def epochs(client: Client, comparison_id: str) -> int:
    """Epochs that its first contender has done, once all train side by side."""
    done = [contender.epochs_done for contender in client.get(comparison_id).contenders]
    return done[0] if all(done) else 0


def states(client: Client, comparison_id: str) -> set[StudyState]:
    return {study.state for study in client.studies(comparison_id)}
