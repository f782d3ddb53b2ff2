"""A driver that was taken over reaches its own study's figures alone, and breaks no page."""

import html
import json
from typing import Any

import pytest

from tests.support.api_site import SPEC, Driver, Site

AT = "2026-01-01T00:00:00Z"
SCRIPT = "<script>alert(1)</script>"
ENVIRONMENT = {"hostname": "h", "device": "cpu", "python": "3", "torch": "2", "threads": 1}
POINT = {
    "epoch": 1,
    "step": 20,
    "training_seconds": 1,
    "elapsed_seconds": 2,
    "process_seconds": 1,
    "gradient_evaluations": 20,
    "train_loss": 1.0,
}
START = dict.fromkeys(
    ("imports_seconds", "assignment_seconds", "connection_seconds", "actor_seconds"), 1
)


@pytest.fixture(scope="module")
def driver(quiet_site: Site) -> Driver:
    quiet_site.asker().post("/v1/comparisons", json={**SPEC, "seeds": 2})
    return quiet_site.driver()


def assert_shown(site: Site, driver: Driver) -> None:
    """Everything that people look at is there and runs nobody's script."""
    comparison = driver.comparison
    here = f"/v1/comparisons/{comparison}"
    parts = ("", "/studies", "/trials", "/metrics", "/report", "/report?format=html", "/logs")
    for path in ("/", f"/comparisons/{comparison}", "/metrics", *(here + part for part in parts)):
        answer = site.asker().get(path)
        assert answer.status_code == 200, (path, answer.text)
        if answer.headers["content-type"].startswith("text/html"):
            assert SCRIPT not in answer.text


def trial(driver: Driver) -> str:
    return f"{driver.comparison}-t0"


def send(driver: Driver, *events: dict[str, Any]) -> Any:
    body = {"attempt": driver.attempt, "events": events}
    return driver.http().post(driver.path("events"), json=body)


def started(driver: Driver, **fields: object) -> dict[str, Any]:
    event = {"trial_id": trial(driver), "number": 0, "at": AT, "environment": ENVIRONMENT}
    return {"type": "trial_started", **event, **fields}


def measured(driver: Driver, **fields: object) -> dict[str, Any]:
    return {"type": "trial_point", "trial_id": trial(driver), "point": {**POINT, **fields}}


MOMENTS = {
    "without a zone": "2026-01-01T00:00:00",
    "before the first year": "0001-01-01T00:00:00+14:00",
    "after the last year": "9999-12-31T23:59:59-14:00",
    "no moment": "yesterday",
    "a huge number": 1e300,
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_moment_that_no_calendar_has_is_refused(driver: Driver, moment: object) -> None:
    http = driver.http()
    assert send(driver, started(driver, at=moment)).status_code == 422
    chunk = {"number": 0, "at": moment, "text": "x"}
    logs = http.post(driver.path("logs"), json={"attempt": driver.attempt, "chunks": [chunk]})
    assert logs.status_code == 422
    beat = {"attempt": driver.attempt, "start": {"began_at": moment, "metric_seconds": 1, **START}}
    assert http.post(driver.path("heartbeat"), json=beat).status_code == 422


TOO_MUCH = {"epoch": (-1, 2**31, 2**64, 1e308), "step": (-1, 2**31, 2**64, 1e308)}
FIGURES = {
    **dict.fromkeys(POINT, (-1, 1e308, "x")),
    **TOO_MUCH,
    "train_loss": ("x", [1.0]),
    "ranks": (0, 2**64),
    "train_accuracy": (-1, 1e300),
    "\ud800": (1,),
    "'; DROP TABLE points;--": (1,),
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in FIGURES.items() for value in values]
)
def test_a_figure_that_no_column_holds_is_refused(
    driver: Driver, field: str, value: object
) -> None:
    content = json.dumps(
        {"attempt": driver.attempt, "events": [measured(driver, **{field: value})]}
    )
    answer = driver.http().post(driver.path("events"), content=content)
    assert answer.status_code in (400, 422)


IDS = ("\0", "'; DROP TABLE trials;--", "../../etc/passwd", "x" * 10_000, SCRIPT, "")


@pytest.mark.parametrize("name", IDS, ids=range(len(IDS)))
def test_a_trial_of_another_name_is_refused(driver: Driver, name: str) -> None:
    assert send(driver, started(driver, trial_id=name)).status_code in (404, 422)
    chunk = {"number": 0, "at": AT, "trial_id": name, "text": "x"}
    logs = driver.http().post(
        driver.path("logs"), json={"attempt": driver.attempt, "chunks": [chunk]}
    )
    assert logs.status_code in (404, 422)


def test_another_comparisons_trial_is_not_touched(quiet_site: Site, driver: Driver) -> None:
    other = quiet_site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    assert send(driver, started(driver, trial_id=f"{other}-t0")).status_code == 404
    (first, *_) = quiet_site.asker().get(f"/v1/comparisons/{other}/trials").json()
    assert first["state"] == "queued"


WORDS = f"{SCRIPT}\0\x1b[31m\r\nSet-Cookie: a=b\u202e"


def test_what_a_trial_says_is_shown_as_text(quiet_site: Site, driver: Driver) -> None:
    """NUL, which PostgreSQL does not store, is replaced; of 16 MB of words the end is cut off."""
    environment = {**ENVIRONMENT, "hostname": WORDS}
    assert send(driver, started(driver, environment=environment)).status_code == 200
    chunk = {"number": 1, "at": AT, "trial_id": trial(driver), "text": WORDS}
    logs = {"attempt": driver.attempt, "chunks": [chunk]}
    assert driver.http().post(driver.path("logs"), json=logs).status_code == 200
    ended = {"type": "trial_ended", "trial_id": trial(driver), "number": 1, "at": AT}
    failed = {**ended, "outcome": "failed", "worker_seconds": 1, "message": WORDS * 50_000}
    assert send(driver, failed).status_code == 200
    assert_shown(quiet_site, driver)
    shown = quiet_site.asker().get(f"/comparisons/{driver.comparison}").text
    assert html.escape(SCRIPT) in shown or SCRIPT not in shown
    (first, *_) = quiet_site.asker().get(f"/v1/comparisons/{driver.comparison}/trials").json()
    assert "\0" not in first["message"]
    assert len(first["message"]) < 21_000


@pytest.mark.parametrize("loss", [1e308, -1e100, 5e-324])
def test_extreme_losses_still_make_a_report(site: Site, loss: float) -> None:
    """Their medians, ratios and plots must be numbers, or the comparison could never end."""
    short = {**SPEC, "seeds": 2, "budget": {"epochs": 1}}
    site.asker().post("/v1/comparisons", json=short)
    while site.service.queue.queued():
        driver = site.driver()
        for entry in driver.http().get(driver.path("assignment")).json()["trials"]:
            name = entry["trial_id"]
            extreme = {"train_loss": loss, "training_seconds": 1e12, "elapsed_seconds": 1e12}
            ended = {"type": "trial_ended", "trial_id": name, "number": 1, "at": AT}
            taken = send(
                driver,
                {**started(driver), "trial_id": name},
                {**measured(driver, **extreme), "trial_id": name},
                {**ended, "outcome": "finished", "worker_seconds": 1e12},
            )
            assert taken.status_code == 200, taken.text
        done = {"type": "study_ended", "at": AT, "outcome": "finished"}
        assert send(driver, done).status_code == 200
    assert_shown(site, driver)
    state = site.asker().get(f"/v1/comparisons/{driver.comparison}").json()["state"]
    assert state in ("finished", "failed")
