"""Every request has an id that its answer and its lines carry; no secret is ever logged."""

import logging
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from service.bootstrap import build
from service.settings import Settings
from tests.support.api_site import DATABASE, Site


def test_an_answer_carries_the_id_of_its_request(site: Site) -> None:
    asker = site.asker()
    ids = {asker.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3
    given = asker.get("/v1/comparisons", headers={"X-Request-ID": "proxy-17.a"})
    assert given.headers["X-Request-ID"] == "proxy-17.a"


@pytest.mark.parametrize("bad", ["a b", "x" * 65, "a;b", '"'])
def test_an_id_that_is_not_plain_is_replaced(site: Site, bad: str) -> None:
    answer = site.asker().get("/healthz", headers={"X-Request-ID": bad})
    assert answer.headers["X-Request-ID"] != bad


def test_each_request_is_a_line_where_that_is_wanted(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    home = site.service.settings.home
    service = build(Settings(home=home, log_requests=True))
    caplog.set_level(logging.INFO, "api.journal")
    try:
        asker = TestClient(create_app(service))
        asker.get("/v1/comparisons/abc?token=sesame", headers={"Authorization": "Bearer sesame"})
        asker.get("/sesame")
    finally:
        service.close()
    known, unknown = caplog.records
    assert known.__dict__["route"] == "/v1/comparisons/{comparison_id}"
    assert known.__dict__["comparison_id"] == "abc"
    assert known.__dict__["status"] == 401
    assert unknown.getMessage().startswith("GET (none) 404")
    assert "sesame" not in "".join(str(record.__dict__) for record in caplog.records)
    assert (Path(home) / DATABASE).is_file()


def test_none_is_a_line_by_default(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site.asker().get("/healthz")
    assert not [record for record in caplog.records if record.name == "api.journal"]
