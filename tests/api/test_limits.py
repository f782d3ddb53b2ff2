"""Whoever asks too often is told when to come back; strangers never hold up those with a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.limits import BURST_SECONDS, MOST_ASKERS, Buckets
from tests.support import api_site
from tests.support.api_site import SPEC, Site


class Seconds:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The seconds that were told."""
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = Seconds()
    buckets = Buckets(2.0, clock=clock)
    burst = int(2 * BURST_SECONDS)
    assert [buckets.take("ada") for _ in range(burst)] == [0.0] * burst
    assert buckets.take("ada") == pytest.approx(0.5)
    assert buckets.take("bob") == 0.0
    clock.now += 1.0
    assert [buckets.take("ada") > 0 for _ in range(3)] == [False, False, True]


def test_waiting_never_fills_a_bucket_above_its_burst() -> None:
    clock = Seconds()
    buckets = Buckets(1.0, clock=clock)
    buckets.take("ada")
    clock.now += 1e6
    assert sum(buckets.take("ada") == 0 for _ in range(100)) == int(BURST_SECONDS)


def test_no_rate_is_no_limit() -> None:
    buckets = Buckets(0.0, clock=Seconds())
    assert all(buckets.take("ada") == 0 for _ in range(1000))


def test_strangers_cannot_fill_the_memory() -> None:
    buckets = Buckets(1.0, clock=Seconds())
    for number in range(MOST_ASKERS + 100):
        buckets.take(str(number))
    assert len(buckets) == MOST_ASKERS


@pytest.fixture
def strict(tmp_path: Path, empty_database: Path) -> Iterator[Site]:
    """A site where each asker has one request and a second one tenth of a second later."""
    limits = {"key_requests": 0.1, "study_requests": 0.1, "stranger_requests": 0.1}
    with api_site.site(tmp_path / "home", empty_database, **limits) as made:
        yield made


def test_a_key_that_asks_too_often_is_told_when_to_come_back(strict: Site) -> None:
    asker = strict.asker()
    assert asker.get("/v1/me").status_code == 200
    refused = asker.get("/v1/me")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 10


def test_strangers_are_refused_by_address_and_hold_nobody_up(strict: Site) -> None:
    stranger = strict.bearer("a guess")
    assert [stranger.get("/v1/me").status_code for _ in range(3)] == [401, 429, 429]
    assert strict.asker(None).get("/login?token=guess").status_code == 429
    assert strict.asker().get("/v1/me").status_code == 200


def test_a_driver_has_a_bucket_of_its_own(strict: Site) -> None:
    strict.asker().post("/v1/comparisons", json=SPEC)
    driver = strict.driver()
    http = driver.http()
    beat = {"attempt": driver.attempt}
    answers = [http.post(driver.path("heartbeat"), json=beat).status_code for _ in range(2)]
    assert answers == [200, 429]
