"""A clock for web, dispatcher and PostgreSQL that can be set, by libfaketime."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from benchmarks.service_faults.harm import BACK_WITHIN, looks_again
from benchmarks.service_faults.plant import Plant, running
from benchmarks.service_load import database
from tests.support.running_service import wait_for

HOUR = 3600
STEPS = (HOUR, 0, -HOUR, 0)
"""Seconds beside the true time, one after the other."""
BETWEEN_SECONDS = 2.0
CLOSE_SECONDS = 60.0
LIBRARIES = "*/faketime/libfaketime.so.1"


@contextmanager
def with_a_clock(kind: str, folder: Path) -> Iterator[Plant]:
    """The control plane, its processes and its database with a clock that is true at first.

    Only the time of day is set: seconds that only grow go on as they do on a real machine.
    """
    _set(folder, 0)
    given = _variables(folder)
    with ExitStack() as stack:
        with _environment(given):  # the server is started from this process
            url = stack.enter_context(database(kind, folder))
        yield stack.enter_context(running(url, folder, more=given))


def step(plant: Plant, _moments: random.Random) -> list[float]:
    """An hour forwards and back, and an hour backwards and forwards again.

    Before each step a notice is put off for some seconds, and somebody has signed in.
    """
    with plant.client() as client:
        link = client.login_link()
    with httpx.Client(base_url=plant.url, trust_env=False, follow_redirects=True) as browser:
        assert browser.get(link).is_success, "nobody could sign in"
        return [_stepped(plant, browser, beside) for beside in STEPS]


def _stepped(plant: Plant, browser: httpx.Client, beside: int) -> float:
    """Set the clock; seconds until web, dispatcher and notices go on by it."""
    time.sleep(BETWEEN_SECONDS)
    plant.receiver.answers.append(503)
    wait_for(lambda: not plant.receiver.answers, BACK_WITHIN, "a notice that is put off")
    heard, looked = len(plant.receiver.received), looks_again(plant)
    _set(plant.folder, beside)
    began = time.monotonic()
    wait_for(lambda: _is_at(plant, beside), BACK_WITHIN, "the step")
    wait_for(lambda: plant.ready() and looked(), BACK_WITHIN, "web and dispatcher")
    wait_for(lambda: len(plant.receiver.received) > heard, BACK_WITHIN, "the notice again")
    assert browser.get("/").is_success, "the session has ended"
    return time.monotonic() - began


def _is_at(plant: Plant, beside: int) -> bool:
    """Whether the web's clock is so many seconds beside the true one."""
    try:
        answer = httpx.get(f"{plant.url}/healthz", trust_env=False)
    except httpx.TransportError:
        return False
    told = parsedate_to_datetime(answer.headers["date"])
    ahead = (told - datetime.now(UTC)).total_seconds()
    return abs(ahead - beside) < CLOSE_SECONDS


def _set(folder: Path, beside: int) -> None:
    """Say how far the clock is beside the true one, as a whole at once."""
    fresh = folder / "clock.new"
    fresh.write_text(f"{beside:+d}\n")
    fresh.chmod(0o644)
    fresh.replace(folder / "clock")


def _variables(folder: Path) -> Mapping[str, str]:
    """What puts a process under the clock."""
    found = next(Path("/usr/lib").glob(LIBRARIES), None)
    if found is None:
        raise SystemExit("the clock is stepped by libfaketime, which is not here: apt install it")
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "NO_FAKE_STAT": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables of this process during the body, for what it starts."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            del os.environ[name]
