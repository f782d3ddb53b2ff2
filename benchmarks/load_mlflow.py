"""An MLflow tracking server in an environment of its own, asked for the like of what we are."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.load_clients import Answer, Ask, Measured, measure

API = "/api/2.0/mlflow"
HISTORY = 20_000
START_SECONDS = 120


def installed(folder: Path) -> Path | None:
    """The environment's folder of programs; None where MLflow cannot be installed."""
    programs = folder / "bin"
    if (programs / "mlflow").exists():
        return programs
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [programs / "python", "-m", "pip", "install", "-q", "mlflow"]
        subprocess.run(pip, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except subprocess.CalledProcessError:
        return None
    return programs


@contextmanager
def server(programs: Path, folder: Path) -> Iterator[str]:
    """A server with two workers on SQLite, and where it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{folder / 'mlflow.db'}"
    command = [programs / "mlflow", "server", "--workers", "2", "--port", str(port)]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(folder / "artifacts")]
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env={**os.environ, "PATH": path}, stdout=quiet, stderr=quiet, cwd=folder
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _await(url)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def figures(url: str, *, clients: int, seconds: float) -> dict[str, Measured]:
    """Batches of 1,000 metrics, created runs, a search of 100 runs, a history of 20,000 points."""
    with httpx.Client(base_url=url + API, timeout=60, trust_env=False) as client:
        answer = client.post("/experiments/create", json={"name": "load"})
        experiment = str(answer.json()["experiment_id"])
        runs = [_run(client, experiment) for _ in range(100)]
        for first in range(0, HISTORY, 1000):
            client.post("/runs/log-batch", json=_batch(runs[0], first)).raise_for_status()

    def post(path: str, body: Callable[[int, int], object]) -> Ask:
        return lambda client, number, done: client.post(API + path, json=body(number, done))

    def history(client: httpx.AsyncClient, _number: int, _done: int) -> Answer:
        asked = {"run_id": runs[0], "metric_key": "train_loss"}
        return client.get(f"{API}/metrics/get-history", params=asked)

    search = {"experiment_ids": [experiment], "max_results": 100}
    asked: dict[str, Ask] = {
        "ingest": post(
            "/runs/log-batch", lambda number, done: _batch(runs[1 + number], 1000 * done)
        ),
        "create": post("/runs/create", lambda _, done: _new(experiment, done)),
        "list": post("/runs/search", lambda _number, _done: search),
        "metrics": history,
    }
    return {
        name: measure(f"MLflow {name}", url, ask, clients=clients, seconds=seconds)
        for name, ask in asked.items()
    }


def _run(client: httpx.Client, experiment: str) -> str:
    answer = client.post("/runs/create", json=_new(experiment, 0))
    return str(answer.json()["run"]["info"]["run_id"])


def _new(experiment: str, start: int) -> dict[str, object]:
    return {"experiment_id": experiment, "start_time": start}


def _batch(run: str, first: int) -> dict[str, object]:
    metrics = [
        {"key": "train_loss", "value": 1 / (1 + step), "timestamp": step, "step": step}
        for step in range(first, first + 1000)
    ]
    return {"run_id": run, "metrics": metrics}


def _await(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.5)
    raise TimeoutError("MLflow's server did not answer in time")
