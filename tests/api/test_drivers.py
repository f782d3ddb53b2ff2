"""A driver speaks for one attempt of one study, and repeats change nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from service.contracts.events import EventBatch
from service.contracts.plan import StudyAssignment
from service.domain.tokens import StudyClaim, sign
from tests.support.api_site import SPEC, Driver, Site, reached, started


@pytest.fixture
def driver(site: Site) -> Driver:
    site.asker().post("/v1/comparisons", json=SPEC).raise_for_status()
    return site.driver()


def batch(attempt: int, trial_id: str, *epochs: int) -> str:
    events = [started(trial_id), *(reached(trial_id, epoch) for epoch in epochs)]
    return EventBatch(attempt=attempt, events=tuple(events)).model_dump_json()


def test_a_driver_gets_its_trials_and_reports_them(site: Site, driver: Driver) -> None:
    http = driver.http()
    assigned = StudyAssignment.model_validate(http.get(driver.path("assignment")).json())
    assert assigned.study_id == driver.study_id
    assert [trial.optimizer for trial in assigned.trials] == ["kbfgs"] * 2
    trial = assigned.trials[0].trial_id
    answer = http.post(driver.path("events"), content=batch(1, trial, 0, 1))
    assert answer.json() == {"accepted": 3}
    assert http.post(driver.path("heartbeat"), json={"attempt": 1}).json() == {
        "cancel": [],
        "pause": [],
    }
    (series,) = site.service.trials.series(assigned.comparison_id)
    assert series.epoch == (0, 1)
    curves = site.asker().get(f"/v1/comparisons/{assigned.comparison_id}/metrics").json()
    assert [curve["train_loss"] for curve in curves] == [[500.0, 250.0]]


def test_a_repeated_batch_changes_nothing(site: Site, driver: Driver) -> None:
    http = driver.http()
    assigned = StudyAssignment.model_validate(http.get(driver.path("assignment")).json())
    sent = batch(1, assigned.trials[0].trial_id, 0, 1, 2)

    def stored() -> tuple[object, ...]:
        comparison = assigned.comparison_id
        return (
            site.service.trials.of(comparison),
            site.service.trials.series(comparison),
            site.service.comparisons.changes(comparison),
        )

    http.post(driver.path("events"), content=sent).raise_for_status()
    before = stored()
    for _ in range(2):
        http.post(driver.path("events"), content=sent).raise_for_status()
    assert stored() == before


def test_the_token_of_another_study_is_refused(site: Site, driver: Driver) -> None:
    other = site.driver()
    for name in ("assignment", "events", "heartbeat"):
        method = "GET" if name == "assignment" else "POST"
        answer = driver.http().request(method, other.path(name), json={"attempt": 1, "events": []})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_a_token_speaks_for_its_own_attempt_alone(driver: Driver) -> None:
    http = driver.http()
    for name in ("events", "heartbeat"):
        answer = http.post(driver.path(name), json={"attempt": 2, "events": []})
        assert answer.status_code in (403, 422)
    sent = EventBatch(attempt=2, events=()).model_dump_json()
    assert http.post(driver.path("events"), content=sent).status_code == 403


def test_a_stale_attempt_is_told_to_end(site: Site, driver: Driver) -> None:
    study = next(s for s in site.service.queue.live() if s.id == driver.study_id)
    site.service.queue.lost(study, "the driver was lost")
    again = site.driver()
    assert (again.study_id, again.attempt) == (driver.study_id, 2)
    trial = f"{driver.study_id.split('-')[0]}-t0"
    for answer in (
        driver.http().get(driver.path("assignment")),
        driver.http().post(driver.path("events"), content=batch(1, trial, 0)),
        driver.http().post(driver.path("heartbeat"), json={"attempt": 1}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "stale_attempt")
    assert again.http().get(again.path("assignment")).status_code == 200
    assert site.service.trials.series(study.comparison_id) == ()


def test_tokens_that_are_forged_or_old_are_refused(site: Site, driver: Driver) -> None:
    secret = site.service.settings.signing_secret()
    old = StudyClaim(driver.study_id, 1, datetime.now(UTC) - timedelta(seconds=1))
    new = StudyClaim(driver.study_id, 1, datetime.now(UTC) + timedelta(hours=1))
    tokens = [sign(secret, old), sign(b"another secret", new), "a.b", "", "ü", driver.token[:-2]]
    for token in tokens:
        http = site.asker(None)
        headers = {"Authorization": f"Bearer {token}".encode()}
        answer = http.get(driver.path("assignment"), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), token


def test_peoples_keys_are_no_study_tokens(site: Site, driver: Driver) -> None:
    assert site.asker().get(driver.path("assignment")).status_code == 401


def test_a_study_token_is_no_key(driver: Driver) -> None:
    assert driver.http().get("/v1/comparisons").status_code == 401


@pytest.mark.parametrize(
    ("content", "status", "field"),
    [
        ('{"attempt": 1, "events": [{"type": "party"}]}', 422, "events[0]"),
        ('{"attempt": 1}', 422, "events"),
        ('{"attempt": 0, "events": []}', 422, "attempt"),
        ('{"attempt": 1, "events": [', 400, None),
    ],
)
def test_a_wrong_batch_names_the_field(
    driver: Driver, content: str, status: int, field: str | None
) -> None:
    answer = driver.http().post(driver.path("events"), content=content)
    assert answer.status_code == status, answer.text
    fields = [error["field"] for error in answer.json()["errors"]]
    assert fields == ([field] if field else [])


def test_batches_may_be_larger_than_other_bodies(driver: Driver) -> None:
    trial = f"{driver.study_id.split('-')[0]}-t0"
    large = batch(1, trial, 0) + " " * (2 << 20)
    assert driver.http().post(driver.path("events"), content=large).status_code == 200
    huge = b" " * ((16 << 20) + 1)
    assert driver.http().post(driver.path("events"), content=huge).status_code == 413
