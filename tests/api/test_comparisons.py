"""Comparisons over HTTP: created once, listed in pages, cancelled; JSON and YAML say the same."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from service.contracts.catalogue import built_in
from service.contracts.report import Report
from service.contracts.views import ComparisonPage, ComparisonView, Preview, TrialView
from service.domain.records import Role
from tests.support.api_site import SPEC, Site

YAML = {"Content-Type": "application/yaml"}


def test_a_comparison_is_created_where_its_location_says(site: Site) -> None:
    asker = site.asker(Role.SUBMITTER)
    answer = asker.post("/v1/comparisons", json=SPEC)
    assert answer.status_code == 201
    view = ComparisonView.model_validate_json(answer.content)
    assert asker.get(answer.headers["location"]).json() == answer.json()
    assert view.state == "queued"
    assert view.spec.name == SPEC["name"]
    assert len(asker.get(f"/v1/comparisons/{view.id}/studies").json()) == 2
    trials = asker.get(f"/v1/comparisons/{view.id}/trials").json()
    assert [TrialView.model_validate(trial).contender for trial in trials] == [
        *["kbfgs"] * 2,
        *["adam"] * 2,
    ]
    assert asker.get(f"/v1/comparisons/{view.id}/metrics").json() == []
    report = Report.model_validate(asker.get(f"/v1/comparisons/{view.id}/report").json())
    assert report.status == "interim"


def test_json_and_yaml_say_the_same(site: Site) -> None:
    asker = site.asker()
    text = yaml.safe_dump(SPEC) + "seed: 7\nverdict: {target: 1e2}\n"
    document = {**SPEC, "seed": 7, "verdict": {"target": 1e2}}
    from_yaml = asker.post("/v1/comparisons", content=text, headers=YAML).json()
    from_json = asker.post("/v1/comparisons", json=document).json()
    assert from_yaml["spec"] == from_json["spec"]
    previews = [
        asker.post("/v1/comparisons:preview", content=text, headers=YAML).json(),
        asker.post("/v1/comparisons:preview", json=document).json(),
    ]
    assert previews[0] == previews[1]
    assert Preview.model_validate(previews[0]).trials == 2 * 2 + 2 * 6


def test_the_same_key_and_document_create_once(site: Site) -> None:
    asker = site.asker()
    key = {"Idempotency-Key": "a word of mine"}
    first = asker.post("/v1/comparisons", json=SPEC, headers=key)
    turned = json.dumps(dict(reversed(SPEC.items())))
    again = asker.post("/v1/comparisons", content=turned, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    other = asker.post("/v1/comparisons", json={**SPEC, "seeds": 7}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert len(site.service.comparisons.page().items) == 1


def test_a_key_repeated_at_the_same_moment_creates_once(site: Site) -> None:
    def create(_: int) -> tuple[int, str]:
        headers = {"Idempotency-Key": "all at once"}
        answer = site.asker().post("/v1/comparisons", json=SPEC, headers=headers)
        return answer.status_code, answer.json()["id"]

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(create, range(4)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    assert len(site.service.comparisons.page().items) == 1


@pytest.mark.parametrize("limit", [1, 2, 5, 200])
def test_pages_hold_every_comparison_once_newest_first(quiet_site: Site, limit: int) -> None:
    asker = quiet_site.asker()
    while len(created := asker.get("/v1/comparisons?limit=200").json()["items"]) < 5:
        name = f"number {len(created)}"
        asker.post("/v1/comparisons", json={**SPEC, "name": name}).raise_for_status()
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": limit}
    while True:
        page = ComparisonPage.model_validate(asker.get("/v1/comparisons", params=query).json())
        assert len(page.items) <= limit
        seen += [view.name for view in page.items]
        if page.next_cursor is None:
            break
        query["cursor"] = page.next_cursor
    assert seen == [f"number {n}" for n in (4, 3, 2, 1, 0)]


def test_cancelling_twice_is_cancelling_once(site: Site) -> None:
    asker = site.asker(Role.SUBMITTER)
    comparison = asker.post("/v1/comparisons", json=SPEC).json()["id"]
    states = [asker.post(f"/v1/comparisons/{comparison}:cancel").json()["state"] for _ in range(2)]
    assert states == ["cancelled", "cancelled"]
    listed = asker.get("/v1/comparisons", params={"state": "cancelled"}).json()["items"]
    assert [view["id"] for view in listed] == [comparison]
    assert asker.get("/v1/comparisons", params={"state": "running"}).json()["items"] == []


def test_the_catalogue_names_what_a_spec_may_name(quiet_site: Site) -> None:
    asker = quiet_site.asker(Role.VIEWER)
    problems = {entry["name"] for entry in asker.get("/v1/problems").json()}
    optimizers = {entry["name"]: entry for entry in asker.get("/v1/optimizers").json()}
    assert "mnist-5k-autoencoder" in problems
    assert set(optimizers["kbfgs"]["space"]) == {"lr", "damping"}
    assert optimizers["lbfgs"]["max_workers"] == 1
    for entry in built_in().optimizers:
        settings = {setting["name"] for setting in optimizers[entry.name]["settings"]}
        assert settings >= {"lr", "weight_decay", "schedule"}
