"""Keys over REST: made, listed and ended by admins; everyone is told who they are."""

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.records import Role
from tests.support.api_site import SPEC, Site


def test_a_keys_secret_is_shown_once(site: Site) -> None:
    admin = site.asker()
    made = admin.post("/v1/keys", json={"name": "ci", "role": "viewer"})
    assert made.status_code == 201
    secret, key = made.json()["secret"], made.json()["key"]
    assert (key["name"], key["role"], key["state"]) == ("ci", "viewer", "live")
    listed = admin.get("/v1/keys")
    assert [entry["name"] for entry in listed.json()] == ["viewer", "submitter", "admin", "ci"]
    assert secret not in listed.text
    assert site.bearer(secret).get("/v1/me").json()["name"] == "ci"


def test_a_revoked_key_ends_at_once(site: Site) -> None:
    admin = site.asker()
    made = admin.post("/v1/keys", json={"name": "ci"}).json()
    holder, path = site.bearer(made["secret"]), f"/v1/keys/{made['key']['id']}:revoke"
    assert holder.get("/v1/me").status_code == 200
    assert admin.post(path).json()["state"] == "revoked"
    assert holder.get("/v1/me").status_code == 401
    assert admin.post(path).status_code == 404


def test_admins_alone_see_and_make_keys(quiet_site: Site) -> None:
    for role in (Role.VIEWER, Role.SUBMITTER):
        asker = quiet_site.asker(role)
        assert asker.get("/v1/keys").status_code == 403
        assert asker.post("/v1/keys", json={"name": "mine", "role": "admin"}).status_code == 403
        assert asker.post("/v1/keys/anything:revoke").status_code == 403
        assert asker.get("/v1/audit").status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a", "role": "root"}, "role"),
        ({"name": "a", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"name": "a", "most_comparisons": -1}, "most_comparisons"),
        ({"name": "a", "most_worker_seconds": 1e300}, "most_worker_seconds"),
        ({"name": "a", "digest": "x"}, "digest"),
    ],
)
def test_a_key_that_cannot_be_made_names_the_field(
    quiet_site: Site, body: dict[str, object], field: str
) -> None:
    answer = quiet_site.asker().post("/v1/keys", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("name", ["admin", "driver", "dispatcher", "service", "console"])
def test_a_name_that_signs_already_is_refused(quiet_site: Site, name: str) -> None:
    assert quiet_site.asker().post("/v1/keys", json={"name": name}).status_code == 409


def test_an_expired_key_is_listed_as_such(site: Site) -> None:
    ended = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    made = site.asker().post("/v1/keys", json={"name": "old", "expires_at": ended}).json()
    assert made["key"]["state"] == "expired"
    assert site.bearer(made["secret"]).get("/v1/me").status_code == 401


def test_the_asker_is_told_what_is_used(site: Site) -> None:
    made = site.asker().post(
        "/v1/keys", json={"name": "ci", "most_comparisons": 2, "most_worker_seconds": 100}
    )
    holder = site.bearer(made.json()["secret"])
    holder.post("/v1/comparisons", json=SPEC)
    me = holder.get("/v1/me").json()
    assert (me["name"], me["role"]) == ("ci", "submitter")
    assert me["comparisons"] == {"used": 1, "limit": 2, "until": None}
    assert (me["worker_seconds"]["used"], me["worker_seconds"]["limit"]) == (0, 100)
    assert site.asker().get("/v1/me").json()["comparisons"]["limit"] is None


def test_a_quota_that_is_used_up_says_so_and_stores_nothing(site: Site) -> None:
    made = site.asker().post("/v1/keys", json={"name": "ci", "most_comparisons": 1}).json()
    holder = site.bearer(made["secret"])
    first = holder.post("/v1/comparisons", json=SPEC).json()["id"]
    refused = holder.post("/v1/comparisons", json=SPEC, headers={"Idempotency-Key": "word"})
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert refused.json()["quota"] == {"used": 1, "limit": 1, "until": None}
    assert len(site.service.comparisons.page().items) == 1
    holder.post(f"/v1/comparisons/{first}:cancel")
    again = holder.post("/v1/comparisons", json=SPEC, headers={"Idempotency-Key": "word"})
    assert again.status_code == 201
