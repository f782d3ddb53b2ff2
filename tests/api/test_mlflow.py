"""A comparison on an MLflow server: a stand-in that checks all it is asked, or a real one.

``KBFGS_MLFLOW`` names the Python of an environment that has MLflow; without it the stand-in alone.
"""

import json
import math
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.client.mlflow_export import EPOCH, STATE, TRIAL
from benchmarks import load_mlflow
from service.contracts.views import Series, TrialView
from tests.support.finished import finished
from tests.support.mlflow_stand_in import StandIn, stand_in
from tests.support.terminal import Terminal

PYTHON = os.environ.get("KBFGS_MLFLOW", "")
ASKER = httpx.Client(trust_env=False, timeout=60)
OWN_CLIENT = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
runs = client.search_runs([sys.argv[2]])
print(json.dumps([
    {**run.data.tags, "params": run.data.params, "status": run.info.status, "losses": [
        [m.step, m.value] for m in client.get_metric_history(run.info.run_id, "train_loss")]}
    for run in runs]))
"""


@dataclass(frozen=True)
class Server:
    """An MLflow server, or what stands in for one."""

    url: str
    kept: StandIn | None

    def runs(self, experiment: str) -> dict[str, dict[str, Any]]:
        """Every run by its trial."""
        body = {"experiment_ids": [experiment], "max_results": 1000}
        answer = ASKER.post(f"{self.url}/api/2.0/mlflow/runs/search", json=body).json()
        return {pairs(run, "tags")[TRIAL]: run for run in answer.get("runs", ())}

    def history(self, run: dict[str, Any], key: str) -> list[tuple[int, float, int]]:
        """Steps, values and moments of a metric."""
        found = ASKER.get(
            f"{self.url}/api/2.0/mlflow/metrics/get-history",
            params={"run_id": run["info"]["run_id"], "metric_key": key},
        ).json()
        return sorted(
            (one["step"], one["value"], one["timestamp"]) for one in found.get("metrics", ())
        )


def pairs(run: dict[str, Any], name: str) -> dict[str, str]:
    return {pair["key"]: pair["value"] for pair in run["data"].get(name, ())}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow itself: it takes its time to start."""
    if not PYTHON:
        pytest.skip("KBFGS_MLFLOW names no Python that has MLflow")
    with load_mlflow.server(Path(PYTHON).parent, tmp_path_factory.mktemp("mlflow")) as url:
        yield Server(url, None)


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.process)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "stand-in":
        with stand_in() as (kept, url):
            yield Server(url, kept)
    else:
        yield request.getfixturevalue("real")


def exported(terminal: Terminal, comparison: str, server: Server) -> dict[str, Any]:
    told = terminal.command(
        "export", comparison, "--format", "mlflow", "--to", server.url, "--json"
    )
    return dict(json.loads(told))


def stored(terminal: Terminal, comparison: str) -> dict[str, tuple[TrialView, Series]]:
    trials = terminal.site.service.trials
    curves = {one.trial_id: one for one in trials.series(comparison)}
    return {one.id: (one, curves[one.id]) for one in trials.of(comparison) if one.id in curves}


def test_each_trial_is_a_run_with_its_settings_and_every_value(
    terminal: Terminal, server: Server
) -> None:
    comparison = finished(terminal.site, name="it's <K-BFGS>")
    done = exported(terminal, comparison, server)
    assert (done["runs"], done["new_runs"], done["points"]) == (16, 16, 64)
    runs = server.runs(done["experiment_id"])
    assert set(runs) == set(stored(terminal, comparison))
    for name, (trial, curve) in stored(terminal, comparison).items():
        run = runs[name]
        assert run["info"]["status"] == "FINISHED"
        params = pairs(run, "params")
        assert params["lr"] == repr(trial.settings["lr"])
        assert set(trial.settings) | {"optimizer", "seed"} == set(params)
        tags = pairs(run, "tags")
        assert (tags["kbfgs.contender"], tags[STATE]) == (trial.contender, "finished")
        assert trial.started_at is not None
        began = round(1000 * trial.started_at.timestamp())
        assert run["info"]["start_time"] == began
        for metric, values in (("train_loss", curve.train_loss), ("test_loss", curve.test_loss)):
            assert server.history(run, metric) == [
                (step, value, began + round(1000 * seconds))
                for step, value, seconds in zip(
                    curve.step, values, curve.elapsed_seconds, strict=True
                )
            ]
        assert server.history(run, "validation_loss") == []


def test_an_export_that_is_repeated_adds_what_is_new_and_nothing_twice(
    terminal: Terminal, server: Server
) -> None:
    comparison = terminal.submit()
    driver = terminal.web().next_study()
    assert driver is not None
    trial, other = driver.assignment.trials
    driver.begin(trial)
    driver.reach(trial, 0)
    driver.reach(trial, 1)
    first = exported(terminal, comparison, server)
    assert (first["runs"], first["new_runs"], first["points"]) == (1, 1, 2)
    run = server.runs(first["experiment_id"])[trial.trial_id]
    assert (run["info"]["status"], pairs(run, "tags")[EPOCH]) == ("RUNNING", "1")
    assert exported(terminal, comparison, server) == {**first, "new_runs": 0, "points": 0}
    terminal.site.asker().patch(f"/v1/comparisons/{comparison}", json={"name": "another name"})
    driver.reach(trial, 2)
    driver.finish(trial)
    driver.run(other)
    last = exported(terminal, comparison, server)
    assert last == {**first, "runs": 2, "new_runs": 1, "points": 1 + 4}
    run = server.runs(first["experiment_id"])[trial.trial_id]
    assert [step for step, *_ in server.history(run, "train_loss")] == [0, 20, 40]
    assert run["info"]["status"] == "FINISHED"


@pytest.mark.process
def test_mlflows_own_client_reads_it(terminal: Terminal, real: Server) -> None:
    comparison = finished(terminal.site)
    done = exported(terminal, comparison, real)
    command = [PYTHON, "-c", OWN_CLIENT, real.url, done["experiment_id"]]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    runs = {run[TRIAL]: run for run in json.loads(ran.stdout)}
    for name, (trial, curve) in stored(terminal, comparison).items():
        losses = [list(pair) for pair in zip(curve.step, curve.train_loss, strict=True)]
        assert runs[name]["losses"] == losses, "bit for bit"
        assert float(runs[name]["params"]["lr"]) == trial.settings["lr"]
        assert runs[name]["status"] == "FINISHED"


@pytest.fixture
def kept() -> Iterator[tuple[StandIn, str]]:
    with stand_in() as made:
        yield made


def test_a_long_curve_goes_in_batches_and_many_runs_are_read_in_pages(
    terminal: Terminal, kept: tuple[StandIn, str]
) -> None:
    server, url = kept
    server.page = 1
    comparison = terminal.submit()
    driver = terminal.web().next_study()
    assert driver is not None
    for trial in driver.assignment.trials:
        driver.begin(trial)
        driver.send([driver._reached(trial, epoch) for epoch in range(450)])
    assert exported(terminal, comparison, Server(url, server))["points"] == 900
    again = exported(terminal, comparison, Server(url, server))
    assert (again["runs"], again["points"]) == (2, 0)
    for run in server.runs.values():
        steps = [one.step for one in run.metrics if one.key == "train_loss"]
        assert steps == [20 * epoch for epoch in range(450)]
        assert all(math.isfinite(one.value) for one in run.metrics)


def test_a_servers_credentials_are_those_of_mlflows_own_client(
    terminal: Terminal, kept: tuple[StandIn, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = kept
    comparison = terminal.submit()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token")
    exported(terminal, comparison, Server(url, server))
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    exported(terminal, comparison, Server(url, server))
    sent = {headers["Authorization"].split()[0] for headers in server.headers}
    assert sent == {"Bearer", "Basic"}
    assert server.headers[0]["Authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--format", "mlflow"], 2, "--format mlflow and --to URL go together"),
        (["--to", "http://127.0.0.1:1"], 2, "--format mlflow and --to URL go together"),
        (["--format", "mlflow", "--to", "ftp://x"], 2, "must be the http or https URL"),
        (["--format", "mlflow", "--to", "http://x:port"], 2, "--to is no URL"),
        (["--format", "mlflow", "--to", "http://127.0.0.1:1"], 3, "no answer from MLflow at"),
        (["--format", "mlflow", "--to", "http://x", "--table", "trials"], 2, "are of files"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    terminal: Terminal, options: list[str], code: int, words: str
) -> None:
    ended, out, errors = terminal.run("export", terminal.submit(), *options)
    assert (ended, out, errors.count("\n")) == (code, "", 1)
    assert words in errors


def test_a_server_that_refuses_is_quoted(terminal: Terminal, kept: tuple[StandIn, str]) -> None:
    server, url = kept
    comparison = terminal.submit()
    name = f"two against each other ({comparison})"
    server.experiments["7"] = {"experiment_id": "7", "name": name, "tags": {}}
    ended, _, errors = terminal.run("export", comparison, "--format", "mlflow", "--to", url)
    assert ended == 4
    assert f"Experiment '{name}' already exists. (400)" in errors
