"""Nothing is open without a key; roles, sessions and login links do what they say."""

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from service.domain.records import Role
from tests.support.api_site import SPEC, Site

OPEN = {"/healthz", "/readyz", "/login"}


def endpoints(site: Site) -> Iterator[tuple[str, str]]:
    for route in site.app.state.api_routes:
        for method in route.methods:
            yield method, re.sub(r"{\w+}", "anything", route.path)


def test_every_route_of_the_api_needs_a_key(quiet_site: Site) -> None:
    stranger = quiet_site.asker(None)
    asked = [(method, path) for method, path in endpoints(quiet_site) if path not in OPEN]
    assert len(asked) >= 15
    assert all(path.startswith("/v1/") or path == "/metrics" for _, path in asked)
    for method, path in asked:
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eA=="}):
            answer = stranger.request(method, path, headers=headers, content="{")
            assert answer.status_code == 401, f"{method} {path}: {answer.text}"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"


def test_the_walk_leaves_no_described_route_out(quiet_site: Site) -> None:
    walked = {route.path for route in quiet_site.app.state.api_routes}
    assert set(quiet_site.app.openapi()["paths"]) == walked - {"/login"}


def test_health_is_open(quiet_site: Site) -> None:
    for path in ("/healthz", "/readyz"):
        assert quiet_site.asker(None).get(path).json() == {"status": "ok"}


def test_viewers_look_but_neither_create_nor_cancel(site: Site) -> None:
    comparison = site.asker(Role.SUBMITTER).post("/v1/comparisons", json=SPEC).json()["id"]
    viewer = site.asker(Role.VIEWER)
    assert viewer.get(f"/v1/comparisons/{comparison}").status_code == 200
    assert viewer.post("/v1/comparisons:preview", json=SPEC).status_code == 200
    for path in ("/v1/comparisons", f"/v1/comparisons/{comparison}:cancel"):
        answer = viewer.post(path, json=SPEC)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert "submitter" in answer.json()["detail"]
    assert site.asker(Role.SUBMITTER).post("/v1/login-links").status_code == 403
    assert len(site.service.comparisons.page().items) == 1


def test_a_revoked_key_is_a_stranger(site: Site) -> None:
    new = site.service.keys.create("gone", Role.ADMIN)
    asker = site.asker(None)
    asker.headers["Authorization"] = f"Bearer {new.secret}"
    assert asker.get("/v1/comparisons").status_code == 200
    site.service.keys.revoke(new.id)
    assert asker.get("/v1/comparisons").status_code == 401


def test_a_revoked_key_ends_its_sessions_and_links(site: Site) -> None:
    new = site.service.keys.create("gone", Role.ADMIN)
    asker = site.asker(None)
    asker.headers["Authorization"] = f"Bearer {new.secret}"
    browser, late = site.asker(None), site.asker(None)
    path, unused = (asker.post("/v1/login-links").json()["path"] for _ in range(2))
    browser.get(path)
    headers = {"X-CSRF-Token": csrf_of(browser)}
    minted = browser.post("/v1/login-links", headers=headers)
    assert minted.status_code == 201
    site.service.keys.revoke(new.id)
    assert browser.get("/v1/comparisons").status_code == 401
    assert browser.post("/v1/login-links", headers=headers).status_code == 401
    for link in (unused, minted.json()["path"]):
        assert late.get(link).status_code == 401


def test_only_its_creator_or_an_admin_cancels_a_comparison(site: Site) -> None:
    owner, admin = site.asker(Role.SUBMITTER), site.asker(Role.ADMIN)
    other = site.asker(None)
    secret = site.service.keys.create("someone else", Role.SUBMITTER).secret
    other.headers["Authorization"] = f"Bearer {secret}"
    first, second = (owner.post("/v1/comparisons", json=SPEC).json()["id"] for _ in range(2))
    refused = other.post(f"/v1/comparisons/{first}:cancel")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "'submitter'" in refused.json()["detail"]
    assert owner.get(f"/v1/comparisons/{first}").json()["state"] == "queued"
    assert owner.post(f"/v1/comparisons/{first}:cancel").json()["state"] == "cancelled"
    assert admin.post(f"/v1/comparisons/{second}:cancel").json()["state"] == "cancelled"


def csrf_of(browser: TestClient) -> str:
    """The token of the pages that this browser sees."""
    found = re.search(r'name="csrf-token" content="(\w+)"', browser.get("/").text)
    assert found
    return found.group(1)


@pytest.fixture
def browser(site: Site) -> TestClient:
    """A browser that followed a login link."""
    path = site.asker().post("/v1/login-links").json()["path"]
    browser = site.asker(None)
    answer = browser.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    return browser


def test_a_link_opens_the_pages_once(site: Site, browser: TestClient) -> None:
    assert browser.get("/").status_code == 200
    assert browser.get("/v1/comparisons").status_code == 200
    path = site.asker().post("/v1/login-links").json()["path"]
    assert site.asker(None).get(path).status_code == 303
    for bad in (path, "/login?token=nonsense", "/login"):
        again = site.asker(None).get(bad)
        assert again.status_code == 401
        assert again.headers["content-type"].startswith("text/html")
        assert "python -m api.client login" in again.text
        assert "set-cookie" not in again.headers


def test_a_page_without_a_session_says_how_to_get_one(site: Site) -> None:
    for path in ("/", "/comparisons/anything"):
        answer = site.asker(None).get(path)
        assert answer.status_code == 401
        assert answer.headers["content-type"].startswith("text/html")
        assert "python -m api.client login" in answer.text


def test_a_sessions_action_needs_the_pages_token(site: Site, browser: TestClient) -> None:
    assert browser.post("/v1/comparisons", json=SPEC).status_code == 403
    for token in ("", "nonsense", "ü".encode()):
        headers = {"X-CSRF-Token": token}
        assert browser.post("/v1/comparisons", json=SPEC, headers=headers).status_code == 403
    assert site.service.comparisons.page().items == ()
    headers = {"X-CSRF-Token": csrf_of(browser)}
    assert browser.post("/v1/comparisons", json=SPEC, headers=headers).status_code == 201


def test_every_answer_carries_the_security_headers(site: Site, browser: TestClient) -> None:
    comparison = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    for path in ("/", f"/comparisons/{comparison}", "/nothing", "/v1/comparisons", "/healthz"):
        answer = browser.get(path, headers={"Accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        kept = "private, no-cache" if path == "/v1/comparisons" else "no-store"
        assert answer.headers["cache-control"] == kept
    report = browser.get(f"/v1/comparisons/{comparison}/report?format=html")
    assert report.headers["content-type"].startswith("text/html")
    assert "script-src" not in report.headers["content-security-policy"]
    assert report.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_reader_gets_a_page_for_what_is_not_there(site: Site) -> None:
    answer = site.asker(None).get("/nothing", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
