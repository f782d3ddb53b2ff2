"""One comparison through every part of the system, and what the system opens meanwhile."""

import html

import httpx
import psutil
import pytest
import torch

from service.contracts.states import ENDED_COMPARISONS, ComparisonState, StudyKind, TrialState
from service.up.home import free_ports
from tests.support.running_service import (
    RunningService,
    listening,
    on_the_loopback,
    refused_start,
    wait_for,
)
from workers.checkpoint import weights_of
from workers.evaluation import evaluate_splits
from workers.problems import build_problem

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

SPEC = {
    "name": "two contenders, a small budget",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "baseline": "adam",
    "budget": {"epochs": 3},
    "tuning": {"trials": 2},
    "seeds": 2,
    "checkpoint": {"epochs": 2, "keep": "best"},
}
SAVED = (0, 2, 3)
"""The epochs after which a trial is saved: the first, every second and the last."""


JOB = {"entrypoint": "true"}


@pytest.fixture(scope="module")
def finished(service: RunningService) -> tuple[str, set[str]]:
    """A finished comparison, and every address that was listened on while it ran."""
    addresses: set[str] = set()
    with service.client() as client:
        comparison = client.submit(SPEC)

        def ended() -> bool:
            addresses.update(listening(service.processes()))
            return client.get(comparison.id).state in ENDED_COMPARISONS

        wait_for(ended, 300, "the comparison's end")
    return comparison.id, addresses


def test_its_data_were_made_ready_where_the_service_says(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    assert len(list((service.home / "cache").glob("mnist-5k-*/train.npy"))) == 1


def test_it_finishes_with_every_epoch_once(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    comparison_id, _ = finished
    with service.client() as client:
        view = client.get(comparison_id)
        series = client.metrics(comparison_id)
        trials = client.trials(comparison_id)
    assert view.state is ComparisonState.FINISHED, view.reason
    assert view.progress == 1
    assert len(trials) == 2 * 2 + 2 * 2
    assert {trial.state for trial in trials} == {TrialState.FINISHED}
    assert {curve.trial_id: curve.epoch for curve in series} == {
        trial.id: (0, 1, 2, 3) for trial in trials
    }


def test_finals_run_on_fresh_seeds_shared_by_all(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    with service.client() as client:
        trials = client.trials(finished[0])
    tuning = {trial.seed for trial in trials if trial.kind is StudyKind.TUNING}
    finals = {
        name: {t.seed for t in trials if t.kind is StudyKind.FINALS and t.contender == name}
        for name in ("kbfgs", "adam")
    }
    assert finals["kbfgs"] == finals["adam"]
    assert len(finals["kbfgs"]) == 2
    assert not finals["kbfgs"] & tuning


def test_the_report_is_final_and_says_why_two_seeds_name_nobody(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    with service.client() as client:
        report = client.report(finished[0])
        page = client.report_html(finished[0])
    (problem,) = report.problems
    assert report.status == "final"
    assert problem.winner is None
    assert report.minimum_seeds == 6
    assert problem.sentence in html.unescape(page)
    for contender in problem.contenders:
        assert contender.runs == 2
        assert contender.final_loss.median is not None
        assert contender.tuning.worker_seconds > 0


def test_the_best_checkpoint_of_each_final_stays_and_nothing_else(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    comparison_id, _ = finished
    storage = service.home / "storage"
    wait_for(lambda: not (storage / comparison_id).exists(), 30, "the checkpoints' end")
    with service.client() as client:
        finals = {t.id for t in client.trials(comparison_id) if t.kind is StudyKind.FINALS}
        series = {curve.trial_id: curve for curve in client.metrics(comparison_id)}
    kept = {path.stem: path for path in (storage / "best" / comparison_id).iterdir()}
    assert kept.keys() == finals
    problem = build_problem("mnist-5k-autoencoder")
    data, model = problem.load(torch.device("cpu")), problem.build_model()
    for trial_id, path in kept.items():
        model.load_state_dict(weights_of(path))
        best = min(series[trial_id].train_loss[epoch] for epoch in SAVED)
        assert evaluate_splits(model, problem, data)["train_loss"] == pytest.approx(best, rel=1e-5)


def test_its_capsule_runs_again_bit_for_bit(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    with service.client() as client:
        again = client.capsules.rerun(client.capsules.of(finished[0])).id
        wait_for(lambda: client.get(again).state in ENDED_COMPARISONS, 300, "its end")
        rerun = client.report(again).rerun
    assert rerun is not None
    assert (rerun.trials, rerun.compared, rerun.same, rerun.differences) == (8, 8, 8, ())


def test_every_socket_is_on_the_loopback(finished: tuple[str, set[str]]) -> None:
    _, addresses = finished
    assert addresses, "nothing was seen listening: this test would pass on anything"
    assert {address for address in addresses if not on_the_loopback(address)} == set()


def test_rays_jobs_are_behind_a_token(service: RunningService) -> None:
    refused, open_doors = set(), {}
    for process in service.processes("dashboard"):
        for connection in process.net_connections(kind="inet"):
            if connection.status != psutil.CONN_LISTEN:
                continue
            url = f"http://127.0.0.1:{connection.laddr.port}/api/jobs/"
            try:
                answers = [httpx.get(url, timeout=5), httpx.post(url, json=JOB, timeout=5)]
            except httpx.HTTPError:
                continue  # a gRPC port
            refused.update(answer.status_code for answer in answers)
            # Ray's figures for Prometheus are plain text at every path; the Jobs API is JSON.
            open_doors[url] = [
                a.text
                for a in answers
                if a.is_success and "json" in a.headers.get("content-type", "")
            ]
    assert refused & {401, 403}
    assert not [doors for doors in open_doors.values() if doors], open_doors


def test_the_api_is_behind_a_key(service: RunningService) -> None:
    for path in ("/v1/comparisons", "/v1/problems", "/v1/optimizers"):
        answer = httpx.get(service.url + path)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_second_start_on_the_same_folder_is_refused(service: RunningService) -> None:
    assert str(service.home) in refused_start(service.home, free_ports(1)[0])
    assert service.process.poll() is None


def test_a_running_comparison_can_be_cancelled(service: RunningService) -> None:
    with service.client() as client:
        comparison = client.submit(SPEC | {"budget": {"epochs": 500}})
        wait_for(
            lambda: any(c.epochs_done for c in client.get(comparison.id).contenders),
            120,
            "an epoch",
        )
        client.cancel(comparison.id)
        wait_for(
            lambda: client.get(comparison.id).state is ComparisonState.CANCELLED, 30, "its end"
        )
        epochs = [c.epochs_done for c in client.get(comparison.id).contenders]
    wait_for(lambda: not service.processes("workers run"), 30, "the driver's end")
    with service.client() as client:
        assert [c.epochs_done for c in client.get(comparison.id).contenders] == epochs


def test_the_cluster_the_starts_and_the_logs_are_shown(
    service: RunningService, finished: tuple[str, set[str]]
) -> None:
    comparison_id, _ = finished
    with service.client() as client:
        wait_for(lambda: client.workers().free_cpus == 2, 30, "the cluster to be free again")
        view = client.workers()
        starts = [study.start for study in client.studies(comparison_id)]
        client.logs(comparison_id)
    (node,) = view.nodes
    assert (node.name, node.cpus, view.running, view.waiting) == ("127.0.0.1", 2, (), ())
    assert (view.age_seconds or 99) < 30
    assert all(start is not None and start.total_seconds > 1 for start in starts), starts
