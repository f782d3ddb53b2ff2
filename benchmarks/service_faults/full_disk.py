"""A disk of its own for the database, small enough to be filled."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import make_url, text

from benchmarks.service_faults.harm import BACK_WITHIN, QUIET_SECONDS, looks_again
from benchmarks.service_faults.load import spec
from benchmarks.service_faults.plant import Plant, running
from benchmarks.service_load import database
from service.contracts.problem import Problem
from service.db.engine import open_engine
from tests.support.running_service import wait_for

DISK = "disk"
SIZE = "64m"
FILLS = 3
FULL_SECONDS = 6.0
PIECE = 1 << 16


@contextmanager
def on_a_small_disk(kind: str, folder: Path) -> Iterator[Plant]:
    """The control plane whose database lies on a disk of 64 MB; needs root.

    With SQLite all of the service's own files lie there; with PostgreSQL its tables, while the
    log that it writes ahead has room elsewhere.
    """
    disk = folder / DISK
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", disk], check=True)
    try:
        if kind == "sqlite":
            with database(kind, disk) as url, running(url, folder, home=disk / "home") as plant:
                yield plant
        else:
            with database(kind, folder) as url, running(_with_tables(url, disk), folder) as plant:
                yield plant
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def _with_tables(server: str, disk: Path) -> str:
    """The URL of a new database whose tables lie on that disk."""
    place = disk / "tables"
    place.mkdir()
    shutil.copystat(disk.parent / "postgres", place)
    owner = (disk.parent / "postgres").stat()
    shutil.chown(place, owner.st_uid, owner.st_gid)
    engine = open_engine(server)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"CREATE TABLESPACE small LOCATION '{place}'"))
        connection.execute(text("CREATE DATABASE small TABLESPACE small"))
    engine.dispose()
    return make_url(server).set(database="small").render_as_string(hide_password=False)


def fill(plant: Plant, moments: random.Random) -> list[float]:
    """The disk is full for some seconds: what cannot be stored is refused, and reading goes on."""
    return [_filled(plant, moments, number) for number in range(FILLS)]


def _filled(plant: Plant, moments: random.Random, number: int) -> float:
    """Fill the disk; seconds from the moment there is room again until web and dispatcher work."""
    time.sleep(moments.uniform(0, QUIET_SECONDS))
    ballast = plant.folder / DISK / "ballast"
    until = time.monotonic() + FULL_SECONDS
    refused: set[str] = set()
    with httpx.Client(
        base_url=plant.url, headers={"Authorization": f"Bearer {plant.key}"}, trust_env=False
    ) as client:

        def create(name: str) -> httpx.Response:
            key = {"Idempotency-Key": name}
            return client.post("/v1/comparisons", json=spec(name), headers=key, timeout=30)

        while time.monotonic() < until:
            _take_what_is_left(ballast)
            answer = create(f"on a full disk {number} {len(refused)}")
            if not answer.is_success:
                refused.add(_words(answer))
            assert client.get("/v1/comparisons").is_success, "reading failed on a full disk"
            time.sleep(0.1)
        ballast.unlink()
        began, looked = time.monotonic(), looks_again(plant)
        assert refused, "everything went on on a full disk"
        wait_for(
            lambda: create(f"with room again {number}").is_success and looked(),
            BACK_WITHIN,
            "web and dispatcher",
        )
    print(f"on a full disk: {', '.join(sorted(refused))}", flush=True)
    return time.monotonic() - began


def _take_what_is_left(path: Path) -> None:
    try:
        with path.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(PIECE))
    except OSError:
        return


def _words(answer: httpx.Response) -> str:
    """How a refusal reads."""
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code in (503, 507), f"answered {answer.status_code}: {problem.detail}"
    return f"{problem.status} {problem.code} ({problem.detail})"
