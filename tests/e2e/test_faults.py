"""One of each kind of harm that `make faults` does ten times; the comparison does not show it."""

from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from api.client import Client
from benchmarks.faults.__main__ import harmed, patient_client
from benchmarks.faults.courses import Course, course, epochs_done
from benchmarks.faults.harm import FAULTS, ONE_WORKER
from tests.support.running_service import RunningService, running_service, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

EPOCHS = 12
"""So many that a trial still trains when the web has heard of its first ones."""
SPEC = {
    **ONE_WORKER,
    "contenders": [{"optimizer": "kbfgs"}],
    "budget": {"epochs": EPOCHS},
    "tuning": {"trials": 1},
    "seeds": 1,
}
IN_THE_SEARCH, IN_THE_FINALS = 0.1, 0.6
"""Shares of all epochs."""


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    with running_service() as started:
        yield started


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with patient_client(service) as opened:
        yield opened


@pytest.fixture(scope="module")
def undisturbed(client: Client) -> Course:
    return course(client, client.submit(SPEC))


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("trial", IN_THE_SEARCH),
        ("driver", IN_THE_FINALS),
        ("dispatcher", IN_THE_SEARCH),
        ("checkpoint", IN_THE_FINALS),
    ],
)
def test_a_comparison_that_is_harmed_ends_as_one_that_is_not(
    service: RunningService, client: Client, undisturbed: Course, kind: str, share: float
) -> None:
    fault = replace(FAULTS[kind], spec=SPEC)
    _, ended = harmed(service, client, fault, share=share)
    assert fault.faults(ended, undisturbed) == ()
    assert (ended.attempts > 1) == (kind == "driver")


def test_a_second_start_goes_on_with_what_was_unfinished(
    service: RunningService, client: Client, undisturbed: Course
) -> None:
    """The last test here, for it ends the service."""
    comparison = client.submit(SPEC)
    wait_for(lambda: epochs_done(client, comparison) >= 2, 120, "some epochs")
    killed = service.processes()
    service.process.kill()
    service.process.wait()
    with running_service(service.home) as second, second.client() as again:
        assert course(again, comparison).faults(undisturbed, epochs=EPOCHS) == ()
    _, alive = psutil.wait_procs(killed, timeout=30)
    assert not alive, alive
