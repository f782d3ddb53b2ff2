"""What Prometheus reads: the rows' states and ages, and what this process was asked."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from service.contracts.states import TrialState
from service.domain.records import Capacity, Role
from tests.support.api_site import SPEC, Site, reached, started


def scraped(site: Site) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by its name and labels."""
    answer = site.asker(Role.VIEWER).get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def in_state(subject: str, state: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return f"kbfgs_{subject}", (("state", state),)


def test_nothing_is_told_without_a_key(site: Site) -> None:
    assert site.asker(None).get("/metrics").status_code == 401


def test_states_queue_and_trials_are_counted(site: Site) -> None:
    site.asker().post("/v1/comparisons", json=SPEC)
    before = scraped(site)
    driver = site.driver()
    after = scraped(site)
    assert before[in_state("comparisons", "queued")] == 1
    assert before[in_state("studies", "queued")] == 2
    assert after[in_state("studies", "queued")] == 1
    assert after[in_state("studies", "submitted")] == 1
    assert after[in_state("trials", "queued")] == 4
    assert sum(after[in_state("trials", state.value)] for state in TrialState) == 4
    assert 0 < after["kbfgs_oldest_submitted_study_seconds", ()] < 60
    assert 0 < after["kbfgs_oldest_queued_study_seconds", ()] < 60
    assert driver.attempt == 1


def test_an_empty_service_waits_for_nothing(site: Site) -> None:
    found = scraped(site)
    assert found["kbfgs_oldest_queued_study_seconds", ()] == 0
    assert found["kbfgs_longest_silence_seconds", ()] == 0
    assert found["kbfgs_cluster_reachable", ()] == 0


def test_the_snapshots_age_tells_whether_a_dispatcher_runs(site: Site) -> None:
    at = datetime.now(UTC) - timedelta(seconds=40)
    site.service.queue.note_capacity(Capacity(at=at, reachable=True, nodes=()))
    found = scraped(site)
    assert 39 < found["kbfgs_cluster_snapshot_seconds", ()] < 80
    assert found["kbfgs_cluster_reachable", ()] == 1


def test_points_are_counted_as_they_come_in(site: Site) -> None:
    comparison = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    driver = site.driver()
    trial = f"{comparison}-t0"
    events = [started(trial), *(reached(trial, epoch) for epoch in range(3))]
    body = {"attempt": 1, "events": [event.model_dump(mode="json") for event in events]}
    assert driver.http().post(driver.path("events"), json=body).status_code == 200
    assert scraped(site)["kbfgs_ingested_points_total", ()] == 3


def test_a_lost_driver_is_counted_once(site: Site) -> None:
    site.asker().post("/v1/comparisons", json=SPEC)
    driver = site.driver()
    driver.http().post(driver.path("heartbeat"), json={"attempt": 1})
    assert scraped(site)["kbfgs_lost_attempts_total", ()] == 0
    (study,) = [s for s in site.service.queue.live() if s.id == driver.study_id]
    site.service.queue.lost(study, "nobody heard of it")
    assert scraped(site)["kbfgs_lost_attempts_total", ()] == 1


def test_requests_stand_under_their_route_and_strangers_make_no_series(site: Site) -> None:
    asker = site.asker()
    asker.get("/v1/comparisons/none-such")
    asker.get("/v1/comparisons/none-other")
    asker.get("/a/path/that/nobody/has")
    found = scraped(site)
    requests = {labels: n for (name, labels), n in found.items() if name.endswith("seconds_count")}
    told = {(dict(labels)["route"], dict(labels)["status"]): n for labels, n in requests.items()}
    assert told["/v1/comparisons/{comparison_id}", "404"] == 2
    assert told["(none)", "404"] == 1
