"""Bad input is refused with the field and what is allowed there, and nothing is stored."""

import json
from typing import Any

import pytest
import yaml
from sqlalchemy import event

from api.deps import get_service
from service.domain.records import Role
from tests.support.api_site import SPEC, Site

ADAM: dict[str, object] = {"optimizer": "adam"}


def contender(**fields: object) -> dict[str, object]:
    return {"contenders": [{**ADAM, **fields}]}


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        (contender(optimizer="adamm"), "contenders[0].optimizer", "adam"),
        ({"problems": ["mnist"]}, "problems[0]", "mnist-5k-autoencoder"),
        (contender(settings={"lr": 0}), "contenders[0].settings.lr", "must be > 0"),
        (contender(settings={"lr": -1e-3}), "contenders[0].settings.lr", "must be > 0"),
        (contender(settings={"speed": 1}), "contenders[0].settings.speed", "betas"),
        ({"seeds": 0}, "seeds", "greater than or equal to 1"),
        (
            contender(space={"lr": {"log": [1e-1, 1e-3]}}),
            "contenders[0].space.lr.log",
            "low must be below high",
        ),
        (
            contender(space={"lr": {"linear": [2, 1]}}),
            "contenders[0].space.lr.linear",
            "low must be below high",
        ),
        (contender(space={"betas": {"log": [0.1, 1]}}), "contenders[0].space.betas", "eps"),
        ({"budget": {"epochs": 0}}, "budget.epochs", "greater than or equal to 1"),
        ({"budget": {}}, "budget.epochs", "required"),
        ({"seed_count": 3}, "seed_count", "seeds"),
        ({"budget": {"epochs": 3, "hours": 1}}, "budget.hours", "unknown field epochs"),
        ({"name": 5}, "name", "string"),
        ({"problems": "mnist-5k-autoencoder"}, "problems", "list"),
        ({"contenders": []}, "contenders", "1 to 32"),
        ({"tuning": {"trials": 3}}, "tuning.trials", "power of two"),
        ({"tuning": {"trials": 2, "search": "guess"}}, "tuning.search", "sobol, random, grid"),
        ({"tuning": {"search": "grid"}}, "contenders[0].space.damping", "values: [...]"),
        (contender(space={"lr": 0.1}), "contenders[0].space.lr", "{log: [low, high]}"),
        ({"baseline": "sgd"}, "baseline", "kbfgs, adam"),
        ({"schema_version": 2}, "schema_version", "1"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/comparisons", "/v1/comparisons:preview"])
def test_a_spec_that_cannot_be_run_names_field_and_allowed_values(
    quiet_site: Site, path: str, change: dict[str, object], field: str, allowed: str
) -> None:
    asker = quiet_site.asker(Role.SUBMITTER)
    for sent in (
        asker.post(path, json={**SPEC, **change}),
        asker.post(
            path,
            content=yaml.safe_dump({**SPEC, **change}),
            headers={"Content-Type": "application/yaml"},
        ),
    ):
        problem = refused(sent, 422, "invalid_spec")
        errors = {error["field"]: error for error in problem["errors"]}
        assert field in errors, problem
        told = errors[field]["message"] + " " + ", ".join(errors[field]["allowed"] or ())
        assert allowed in told
    nothing_is_stored(quiet_site)


@pytest.mark.parametrize(
    ("content", "kind", "where"),
    [
        ('{"name": }', "application/json", "line 1, column 10"),
        ('{"name": "a",\n "name": "b"}', "application/json", "given twice: name"),
        ('{"seeds": NaN}', "application/json", "NaN"),
        ("[" * 100_000, "application/json", "nested"),
        ('{"name": ' + "9" * 5_000 + "}", "application/json", "digits"),
        (b"\xff\xfe", "application/json", "UTF-8"),
        ("", "application/json", "line 1, column 1"),
        ("name: [a\nseeds: 3", "application/yaml", "line 2, column 6"),
        ("name: a\nname: b", "application/yaml", "line 2, column 1"),
        ("a: &x [1]\nb: *x", "application/yaml", "line 2, column 4"),
        ("!!python/object/apply:os.getcwd []", "application/yaml", "line 1, column 1"),
        ("- " * 5_000, "text/yaml", ""),
    ],
)
def test_a_body_that_cannot_be_read_names_the_place(
    quiet_site: Site, content: str | bytes, kind: str, where: str
) -> None:
    answer = quiet_site.asker().post(
        "/v1/comparisons", content=content, headers={"Content-Type": kind}
    )
    assert where in refused(answer, 400, "malformed_document")["detail"]
    nothing_is_stored(quiet_site)


@pytest.mark.parametrize("document", ["null", "[]", '"adam"', "3", '{"1": 2}'])
def test_a_document_of_another_shape_is_no_comparison(quiet_site: Site, document: str) -> None:
    answer = quiet_site.asker().post("/v1/comparisons", content=document)
    assert refused(answer, 422, "invalid_spec")["errors"]
    nothing_is_stored(quiet_site)


@pytest.mark.parametrize(
    ("kind", "size"), [("application/json", 1 << 20), ("application/yaml", 64 << 10)]
)
def test_a_huge_body_is_refused(quiet_site: Site, kind: str, size: int) -> None:
    content = json.dumps({**SPEC, "name": "x" * size})
    answer = quiet_site.asker().post(
        "/v1/comparisons", content=content, headers={"Content-Type": kind}
    )
    refused(answer, 413, "too_large")
    nothing_is_stored(quiet_site)


def test_a_huge_body_is_refused_while_it_arrives(quiet_site: Site) -> None:
    pieces = (b" " * 65_536 for _ in range(17))
    answer = quiet_site.asker().post(
        "/v1/comparisons", content=pieces, headers={"Content-Type": "application/json"}
    )
    assert "content-length" not in answer.request.headers
    refused(answer, 413, "too_large")


def test_other_formats_are_refused(quiet_site: Site) -> None:
    answer = quiet_site.asker().post("/v1/comparisons", data={"name": "a form"})
    assert "application/yaml" in refused(answer, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/v1/comparisons?limit=0", "limit"),
        ("/v1/comparisons?limit=many", "limit"),
        ("/v1/comparisons?state=lost", "state"),
        ("/v1/comparisons/x/metrics?points=1", "points"),
        ("/v1/comparisons/x/trials?kind=practice", "kind"),
        ("/v1/comparisons/x/report?format=doc", "format"),
    ],
)
def test_a_wrong_parameter_is_named(quiet_site: Site, query: str, field: str) -> None:
    problem = refused(quiet_site.asker().get(query), 422, "invalid_request")
    assert [error["field"] for error in problem["errors"]] == [field]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/comparisons/nothing", 404),
        ("GET", "/v1/comparisons/nothing/report", 404),
        ("GET", "/v1/comparisons/nothing/events", 404),
        ("GET", "/v1/comparisons?cursor=nothing", 404),
        ("POST", "/v1/comparisons/nothing:cancel", 404),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/comparisons", 405),
        ("GET", "/nothing", 404),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    quiet_site: Site, method: str, path: str, status: int
) -> None:
    answer = quiet_site.asker().request(method, path)
    refused(answer, status)
    assert status != 405 or answer.headers["allow"] == "GET, POST"


def test_a_failure_is_answered_without_its_insides(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("select secret from keys")

    site.app.dependency_overrides[get_service] = broken
    answer = site.asker().get("/v1/comparisons")
    problem = refused(answer, 500, "internal")
    assert "secret" not in answer.text.lower()
    assert "log" in problem["detail"]
    assert any("/v1/comparisons failed" in record.message for record in caplog.records)


def test_a_database_that_is_away_is_a_503_and_the_web_lives_on(site: Site) -> None:
    site.service.engine.dispose()
    for part in site.service.settings.home.glob("kbfgs.db*"):
        part.unlink()
    refused(site.asker().get("/v1/comparisons"), 503, "storage_unavailable")
    assert site.asker(None).get("/readyz").status_code >= 500
    assert site.asker(None).get("/healthz").status_code == 200


def test_a_full_disk_refuses_what_cannot_be_stored_until_there_is_room(site: Site) -> None:
    engine, asker = site.service.engine, site.asker()

    def fill(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes it for what there is now

    event.listen(engine, "connect", fill)
    engine.dispose()
    answers = [asker.post("/v1/comparisons", json=SPEC) for _ in range(4)]
    problem = refused(answers[-1], 503, "storage_unavailable")
    assert "database or disk is full" in problem["detail"]
    stored = [answer for answer in answers if answer.status_code == 201]
    assert len(asker.get("/v1/comparisons").json()["items"]) == len(stored)
    event.remove(engine, "connect", fill)
    engine.dispose()
    assert asker.post("/v1/comparisons", json=SPEC).status_code == 201


def refused(answer: Any, status: int, code: str | None = None) -> dict[str, Any]:
    """The problem document of a refusal, held to its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code", "instance"} <= problem.keys()
    assert problem["status"] == status
    assert problem["type"].endswith(problem["code"])
    assert problem["instance"] == answer.request.url.path
    assert code in (None, problem["code"])
    return problem


def nothing_is_stored(site: Site) -> None:
    assert site.service.comparisons.page().items == ()
    assert site.service.queue.queued() == ()
