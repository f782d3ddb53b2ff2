"""Who did what: changes that people made, keys, logins; the latest first, page by page."""

import base64
from typing import Any

import pytest

from service.domain.records import Role
from tests.support.api_site import SPEC, Site


def told(site: Site, **query: object) -> list[tuple[str, str, str]]:
    items = site.asker().get("/v1/audit", params={"limit": 200, **query}).json()["items"]
    return [(item["actor"], item["subject"], item["after"]) for item in items]


@pytest.fixture
def comparison(site: Site) -> str:
    """One that was created and cancelled, after a key was made, used by a browser, and ended."""
    admin = site.asker()
    made = admin.post("/v1/keys", json={"name": "ci"}).json()
    site.asker(None).get(admin.post("/v1/login-links").json()["path"])
    submitter = site.asker(Role.SUBMITTER)
    comparison: str = submitter.post("/v1/comparisons", json=SPEC).json()["id"]
    submitter.post(f"/v1/comparisons/{comparison}:cancel")
    admin.post(f"/v1/keys/{made['key']['id']}:revoke")
    return comparison


def test_every_deed_is_told_with_who_did_it(site: Site, comparison: str) -> None:
    deeds = told(site)
    assert deeds[0] == ("admin", "key", "revoked")
    for deed in (
        ("submitter", "comparison", "cancelled"),
        ("submitter", "comparison", "queued"),
        ("admin", "session", "opened"),
        ("admin", "login link", "created"),
        ("admin", "key", "created"),
        ("console", "key", "created"),
    ):
        assert deed in deeds, deed


def test_the_latest_stands_first(site: Site, comparison: str) -> None:
    moments = [item["at"] for item in site.asker().get("/v1/audit").json()["items"]]
    assert moments == sorted(moments, reverse=True)


def test_pages_tell_everything_once(site: Site, comparison: str) -> None:
    whole = site.asker().get("/v1/audit", params={"limit": 200}).json()["items"]
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = site.asker().get("/v1/audit", params=query).json()
        assert len(page["items"]) <= 2
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == whole


def test_deeds_are_found_by_who_what_and_when(site: Site, comparison: str) -> None:
    assert {actor for actor, _, _ in told(site, actor="submitter")} == {"submitter"}
    assert told(site, subject=comparison) == [
        ("submitter", "comparison", state) for state in ("cancelled", "cancelling", "queued")
    ]
    assert {subject for _, subject, _ in told(site, subject="key")} == {"key"}
    whole = site.asker().get("/v1/audit", params={"limit": 200}).json()["items"]
    middle = whole[len(whole) // 2]["at"]
    later, earlier = told(site, since=middle), told(site, until=middle)
    assert later
    assert earlier
    assert later + earlier == told(site)


def test_what_the_service_does_is_left_out(site: Site, comparison: str) -> None:
    site.asker().post("/v1/comparisons", json=SPEC)
    driver = site.driver()
    driver.http().post(driver.path("heartbeat"), json={"attempt": driver.attempt})
    assert not {"driver", "dispatcher"} & {actor for actor, _, _ in told(site)}


@pytest.mark.parametrize(
    "cursor",
    [
        b"nothing",
        b"",
        b"\xff",
        b"[1]",
        b'["2026-01-01T00:00:00", 0, "", 1]',
        b'["9999-12-31T23:59:59-14:00", 0, "", 1]',
        b'["2026-01-01T00:00:00Z", 2, "", 1]',
        b'["2026-01-01T00:00:00Z", 0, "\\u0000", 1]',
        b'["2026-01-01T00:00:00Z", 1, "", 10000000000000000000000]',
    ],
)
def test_a_made_up_cursor_is_not_found(quiet_site: Site, cursor: bytes) -> None:
    for sent in (cursor, base64.urlsafe_b64encode(cursor)):
        answer = quiet_site.asker().get("/v1/audit", params={"cursor": sent})
        assert answer.status_code == 404
