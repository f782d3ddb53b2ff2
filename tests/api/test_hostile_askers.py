"""Keys, sessions and study tokens that are forged, old or another's open nothing."""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from api.deps import SAFE_METHODS
from service.domain.records import Role
from service.domain.tokens import StudyClaim, sign
from tests.support.api_site import SPEC, Driver, Site

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def forged_keys(site: Site) -> Iterator[tuple[str, str]]:
    good = site.keys[Role.ADMIN]
    yield "nothing", ""
    yield "a key's beginning", good[:-1]
    yield "a key and more", f"{good}x"
    yield "another case", good.swapcase()
    yield "a prefix", "kbfgs_"
    yield "SQL", "' OR 1=1--"
    yield "a wildcard", "kbfgs_%"
    yield "a digest", site.service.keys.list()[0].id
    yield "a million characters", "x" * 1_000_000
    expired = site.service.keys.create("expired", Role.ADMIN, expires=NOW)
    yield "an expired key", expired.secret
    revoked = site.service.keys.create("revoked", Role.ADMIN)
    site.service.keys.revoke(revoked.id)
    yield "a revoked key", revoked.secret
    yield "a used link's token", site.service.keys.issue_login_token(site.service.keys.list()[0].id)


def test_a_forged_or_ended_key_opens_nothing(site: Site) -> None:
    for name, secret in forged_keys(site):
        for path in ("/v1/comparisons", "/v1/openapi.json", "/metrics", "/"):
            assert site.bearer(secret).get(path).status_code == 401, (name, path)
        answer = site.bearer(secret).post("/v1/comparisons", json=SPEC)
        assert answer.status_code == 401, name
    assert site.service.comparisons.page().items == ()


def test_an_idempotency_key_is_its_holders_alone(site: Site) -> None:
    headers = {"Idempotency-Key": "a word"}
    first, again = (
        site.asker(Role.SUBMITTER).post("/v1/comparisons", json=SPEC, headers=headers).json()["id"]
        for _ in range(2)
    )
    another = {**SPEC, "name": "another"}
    theirs = site.asker(Role.ADMIN).post("/v1/comparisons", json=another, headers=headers)
    assert theirs.status_code == 201
    assert first == again != theirs.json()["id"]


@pytest.fixture
def driver(site: Site) -> Driver:
    site.asker().post("/v1/comparisons", json=SPEC)
    return site.driver()


def forged_tokens(driver: Driver) -> Iterator[tuple[str, str]]:
    body, signature = driver.token.split(".")
    claim = json.dumps([driver.study_id, driver.attempt, int(NOW.timestamp()) + 10**9]).encode()
    later = base64.urlsafe_b64encode(claim).rstrip(b"=").decode()
    own = driver.site.service.settings.signing_secret()
    fresh = StudyClaim(driver.study_id, driver.attempt, datetime.now(UTC) + timedelta(hours=1))
    yield "another body", f"{later}.{signature}"
    yield "no signature", f"{body}."
    yield "no body", f".{signature}"
    yield "three parts", f"{body}.{signature}.{signature}"
    yield "an unsigned token, as JWT has it", f"eyJhbGciOiJub25lIn0.{body}."
    yield "another secret", sign(b"a secret of somebody else", fresh)
    yield "an expired token", sign(own, StudyClaim(driver.study_id, driver.attempt, NOW))
    yield "a key", driver.site.keys[Role.ADMIN]


def test_a_forged_study_token_is_refused(driver: Driver) -> None:
    for name, token in forged_tokens(driver):
        client = driver.site.bearer(token)
        assert client.get(driver.path("assignment")).status_code == 401, name
        beat = client.post(driver.path("heartbeat"), json={"attempt": driver.attempt})
        assert beat.status_code == 401, name


def test_a_study_token_is_good_for_its_own_study_alone(driver: Driver) -> None:
    driver.site.asker().post("/v1/comparisons", json=SPEC)
    other = driver.site.service.queue.claim(driver.site.service.queue.queued()[-1])
    assert other is not None
    for study_id in (other.id, "..", "nothing"):
        answer = driver.http().get(f"/v1/studies/{study_id}/assignment")
        assert answer.status_code in (403, 404)


def test_a_study_token_is_no_key(driver: Driver) -> None:
    client = driver.http()
    for route in driver.site.app.state.api_routes:
        path = re.sub(r"{\w+}", "anything", route.path)
        if path.startswith("/v1/") and not path.startswith("/v1/studies"):
            for method in route.methods:
                assert client.request(method, path, content="{}").status_code == 401, path


def test_a_replayed_token_of_an_earlier_attempt_changes_nothing(driver: Driver) -> None:
    site, old = driver.site, driver.http()
    queue = site.service.queue
    queue.lost(queue.live()[0], "gone")
    assert queue.claim(queue.queued()[0]) is not None
    beat = old.post(driver.path("heartbeat"), json={"attempt": driver.attempt})
    assert (beat.status_code, beat.json()["code"]) == (409, "stale_attempt")
    newer = old.post(driver.path("heartbeat"), json={"attempt": driver.attempt + 1})
    assert newer.status_code == 403


@pytest.fixture
def browser(site: Site) -> TestClient:
    browser = site.asker(None)
    browser.get(site.asker().post("/v1/login-links").json()["path"])
    return browser


def token_of(browser: TestClient) -> str:
    found = re.search(r'name="csrf-token" content="(\w+)"', browser.get("/").text)
    assert found
    return found.group(1)


def test_another_sites_page_changes_nothing_even_with_the_token(
    site: Site, browser: TestClient
) -> None:
    token = token_of(browser)
    for fetch_site in ("cross-site", "same-site"):
        headers = {"X-CSRF-Token": token, "Sec-Fetch-Site": fetch_site}
        answer = browser.post("/v1/comparisons", json=SPEC, headers=headers)
        assert answer.status_code == 403
    assert site.service.comparisons.page().items == ()


def test_no_action_of_a_session_goes_without_the_pages_token(
    site: Site, browser: TestClient
) -> None:
    other = site.asker(None)
    other.get(site.asker().post("/v1/login-links").json()["path"])
    for token in (None, "", "0" * 64, token_of(other)):
        headers = {} if token is None else {"X-CSRF-Token": token}
        for route in site.app.state.api_routes:
            path = re.sub(r"{\w+}", "anything", route.path)
            if path.startswith("/v1/studies"):
                continue
            for method in route.methods - SAFE_METHODS:
                answer = browser.request(method, path, headers=headers, content="{}")
                assert answer.status_code == 403, (path, token)


def test_a_form_of_another_page_changes_nothing(site: Site, browser: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        headers = {"Content-Type": kind}
        answer = browser.post("/v1/comparisons", content=json.dumps(SPEC), headers=headers)
        assert answer.status_code == 403
    assert site.service.comparisons.page().items == ()


def test_a_session_beside_a_tossed_one_is_refused(site: Site, browser: TestClient) -> None:
    own = browser.cookies["kbfgs_session"]
    for cookies in (f"kbfgs_session=x; kbfgs_session={own}", f"kbfgs_session={own};kbfgs_session="):
        answer = site.asker(None).get("/v1/comparisons", headers={"Cookie": cookies})
        assert answer.status_code == 401


@pytest.mark.parametrize("cookie", ["", "x" * 100_000, "' OR 1=1--", "a\xff", '"quoted"'])
def test_a_forged_session_is_nobodys(quiet_site: Site, cookie: str) -> None:
    headers = {"Cookie": f"kbfgs_session={cookie}".encode("latin-1")}
    assert quiet_site.asker(None).get("/v1/comparisons", headers=headers).status_code == 401
    page = quiet_site.asker(None).get("/", headers={**headers, "Accept": "text/html"})
    assert page.status_code == 401
