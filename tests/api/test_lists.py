"""ETags, `fields` and `sort`: a reader gets what it asks for, and nothing that it still has."""

import pytest
from httpx import Response

from service.contracts.views import ComparisonView, TrialView
from service.domain.records import Role
from tests.support.api_site import SPEC, Site, reached, started

TAGGED = (
    "/v1/comparisons",
    "/v1/comparisons/{one}",
    "/v1/comparisons/{one}/studies",
    "/v1/comparisons/{one}/trials",
    "/v1/comparisons/{one}/metrics",
    "/v1/comparisons/{one}/report",
    "/v1/comparisons/{one}/report?format=html",
    "/v1/problems",
    "/v1/optimizers",
    "/v1/templates",
    "/v1/openapi.json",
)


@pytest.fixture(scope="module")
def one(quiet_site: Site) -> str:
    answer = quiet_site.asker(Role.SUBMITTER).post("/v1/comparisons", json=SPEC)
    return str(answer.raise_for_status().json()["id"])


@pytest.mark.parametrize("path", TAGGED)
def test_what_a_reader_still_has_is_not_sent_again(quiet_site: Site, one: str, path: str) -> None:
    asker, path = quiet_site.asker(Role.VIEWER), path.format(one=one)
    first = asker.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    for condition in (tag, f'"another", W/{tag}', "*"):
        again = asker.get(path, headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    for condition in ('"another"', tag[:-2] + '"', ""):
        again = asker.get(path, headers={"If-None-Match": condition})
        assert (again.status_code, again.content) == (200, first.content)
    stranger = quiet_site.asker(None).get(path, headers={"If-None-Match": tag})
    assert stranger.status_code == 401


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/audit", "/v1/webhooks", "/v1/me"])
def test_what_is_not_everybodys_is_not_to_be_kept(quiet_site: Site, path: str) -> None:
    answer = quiet_site.asker().get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers


def test_a_tag_ends_with_what_it_stood_for(site: Site) -> None:
    asker = site.asker(Role.SUBMITTER)
    path = f"/v1/comparisons/{asker.post('/v1/comparisons', json=SPEC).json()['id']}"

    def changed(tag: str, part: str = "") -> Response:
        answer = asker.get(path + part, headers={"If-None-Match": tag})
        assert answer.status_code == 200
        return answer

    tag = changed('""').headers["etag"]
    asker.patch(path, json={"priority": 3})
    assert changed(tag).json()["priority"] == 3
    curves = changed('""', "/metrics").headers["etag"]
    driver = site.driver()
    trial = driver.http().get(driver.path("assignment")).json()["trials"][0]["trial_id"]
    events = [event.model_dump(mode="json") for event in (started(trial), reached(trial, 1))]
    driver.http().post(driver.path("events"), json={"attempt": 1, "events": events})
    assert changed(curves, "/metrics").json()[0]["trial_id"] == trial


def test_some_fields_are_as_they_are_among_all(quiet_site: Site, one: str) -> None:
    asker = quiet_site.asker(Role.VIEWER)

    def same(path: str, names: list[str], *, items: bool = False) -> None:
        whole, some = (asker.get(path, params=q).json() for q in ({}, {"fields": ",".join(names)}))
        if items:
            assert some["next_cursor"] == whole["next_cursor"]
            whole, some = whole["items"], some["items"]
        for all_of_it, part in zip(whole, some, strict=True):
            assert part == {name: all_of_it[name] for name in names}

    same("/v1/comparisons", ["id", "state", "contenders"], items=True)
    same(f"/v1/comparisons/{one}/studies", ["id", "kind"])
    same(f"/v1/comparisons/{one}/trials", list(TrialView.model_fields))
    same("/v1/problems", ["name"])
    same("/v1/optimizers", ["name", "space"])
    view = asker.get(f"/v1/comparisons/{one}", params={"fields": "name,tags"}).json()
    assert view == {"name": SPEC["name"], "tags": []}
    whole = asker.get(f"/v1/comparisons/{one}").content
    assert ComparisonView.model_validate_json(whole).id == one


@pytest.mark.parametrize("query", ["fields=id,nmae", "sort=nmae", "sort=name,-nmae", "sort=--name"])
def test_a_wrong_field_is_named(quiet_site: Site, query: str) -> None:
    answer = quiet_site.asker(Role.VIEWER).get(f"/v1/comparisons?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    (error,) = answer.json()["errors"]
    assert error["field"] == query.partition("=")[0]
    assert "name" in error["allowed"]
    if "nmae" in query:
        assert error["message"] == "there is no 'nmae' here; did you mean 'name'?"


def test_lists_stand_as_they_are_asked_to(site: Site) -> None:
    asker = site.asker(Role.SUBMITTER)
    for name, priority in (("b", 0), ("a", 0), ("c", 1)):
        document = {**SPEC, "name": name, "priority": priority}
        asker.post("/v1/comparisons", json=document).raise_for_status()

    def names(query: str) -> str:
        items = asker.get(f"/v1/comparisons?{query}").json()["items"]
        return "".join(item["name"] for item in items)

    assert names("") == "cab"
    assert names("sort=created_at") == "bac"
    assert names("sort=-priority,name") == "cab"
    assert names("sort=priority,name") == "abc"
    page = asker.get("/v1/comparisons?sort=name&limit=2").json()
    assert names(f"sort=name&limit=2&cursor={page['next_cursor']}") == "c"
    assert asker.get(f"/v1/comparisons?cursor={page['next_cursor']}").status_code == 404
    long = "\N{ROCKET}" * 200
    asker.post("/v1/comparisons", json={**SPEC, "name": long}).raise_for_status()
    page = asker.get("/v1/comparisons?sort=-name,owner,state&limit=1").json()
    assert names(f"sort=-name,owner,state&cursor={page['next_cursor']}") == "cba"
    one = asker.get("/v1/comparisons?name=a").json()["items"][0]["id"]
    trials = asker.get(f"/v1/comparisons/{one}/trials?sort=contender,-seed,best_loss").json()
    assert [trial["contender"] for trial in trials] == ["adam"] * 2 + ["kbfgs"] * 2
