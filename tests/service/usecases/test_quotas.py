"""A key may have so many comparisons at once, and so many worker-seconds in a month."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.domain.errors import QuotaExceeded
from service.domain.records import Actor, Role
from service.usecases.quotas import Allowance
from tests.support.control_plane import PERSON, ControlPlane


def limited(plane: ControlPlane, allowance: Allowance) -> ControlPlane:
    """The same plane, where keys may use that much."""
    quotas = replace(plane.service.quotas, allowance=allowance)
    comparisons = replace(plane.service.comparisons, quotas=quotas)
    plane.service = replace(plane.service, quotas=quotas, comparisons=comparisons)
    return plane


def test_comparisons_count_until_they_have_ended(plane_on_both: ControlPlane) -> None:
    plane = limited(plane_on_both, Allowance(comparisons=2))
    first, _ = plane.submit(), plane.submit()
    with pytest.raises(QuotaExceeded, match="2 comparisons") as info:
        plane.submit()
    assert (info.value.quota.used, info.value.quota.limit) == (2, 2)
    plane.service.control.pause(first, actor=PERSON)
    with pytest.raises(QuotaExceeded):
        plane.submit()
    plane.service.control.cancel(first, actor=PERSON)
    plane.submit()


def test_each_key_has_its_own_quota(plane: ControlPlane) -> None:
    limited(plane, Allowance(comparisons=1)).submit()
    other = Actor("bob", Role.SUBMITTER, "bob-key")
    assert plane.service.quotas.asker(PERSON).comparisons.used == 1
    assert plane.service.quotas.asker(other).comparisons.used == 0


def test_worker_seconds_count_within_their_month(plane_on_both: ControlPlane) -> None:
    plane = limited(plane_on_both, Allowance(worker_seconds=10))
    plane.submit()
    plane.tick()
    driver = plane.driver()
    for trial in driver.assignment.trials:
        driver.send(*driver.trial(trial.trial_id))  # each says that it cost 7 worker-seconds
    with pytest.raises(QuotaExceeded, match="2026-02-01") as info:
        plane.submit()
    assert info.value.quota.used == 14
    assert info.value.quota.until == datetime(2026, 2, 1, tzinfo=UTC)
    plane.clock.at = datetime(2026, 2, 1, tzinfo=UTC)
    plane.submit()


def test_the_month_after_december_is_january(plane: ControlPlane) -> None:
    plane.clock.at = datetime(2026, 12, 31, tzinfo=UTC)
    until = plane.service.quotas.asker(PERSON).worker_seconds.until
    assert until == datetime(2027, 1, 1, tzinfo=UTC)
