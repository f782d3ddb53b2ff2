"""The API describes itself in full, and answers as it says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator

from service.contracts.documents import read_document
from service.contracts.spec import ComparisonSpec
from tests.support.api_site import SPEC, Site

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference(quiet_site: Site) -> dict[str, Any]:
    answer = quiet_site.asker().get("/v1/openapi.json")
    document: dict[str, Any] = answer.raise_for_status().json()
    return document


def operations(reference: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in reference["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def everything(value: object) -> Iterator[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(value, dict):
        yield value
        for entry in value.values():
            yield from everything(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from everything(entry)


def test_it_is_valid_openapi(reference: dict[str, Any]) -> None:
    assert OpenAPI.model_validate(reference).openapi.startswith("3.1")
    schemas = reference["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    named = {entry["$ref"] for entry in everything(reference) if "$ref" in entry}
    assert named
    assert named <= {f"#/components/schemas/{name}" for name in schemas}
    ids = [operation["operationId"] for _, _, operation in operations(reference)]
    assert len(ids) == len(set(ids))


def test_every_operation_says_what_it_does_and_how_it_refuses(reference: dict[str, Any]) -> None:
    for method, path, operation in operations(reference):
        assert operation["description"], path
        assert operation["tags"], path
        if not path.startswith("/v1"):
            continue
        assert operation["security"], path
        answers = operation["responses"]
        assert {"400", "401", "422", "429", "503"} <= set(answers)
        if method == "post" and "requestBody" in operation:
            assert {"413", "415"} <= set(answers), path
        if "{" in path:
            assert "404" in answers, path
        for status, answer in answers.items():
            if status >= "400":
                assert set(answer["content"]) == {"application/problem+json"}, path


def test_the_examples_are_files_that_can_be_run(
    quiet_site: Site, reference: dict[str, Any]
) -> None:
    schema = reference["components"]["schemas"]["ComparisonSpec"]
    demo, grid = schema["examples"]
    assert demo == read_document((ROOT / "examples" / "demo.yaml").read_text())
    for example in (demo, grid):
        assert quiet_site.asker().post("/v1/comparisons:preview", json=example).status_code == 200
    assert grid["tuning"] == {"search": "grid"}
    create = reference["paths"]["/v1/comparisons"]["post"]["requestBody"]["content"]
    assert set(create) == {"application/json", "application/yaml"}


def test_each_body_and_answer_has_an_example_that_fits(reference: dict[str, Any]) -> None:
    schemas = reference["components"]["schemas"]
    named: set[str] = set()
    for *_, operation in operations(reference):
        said = [operation.get("requestBody", {})]
        said += [answer for status, answer in operation["responses"].items() if status < "300"]
        for content in (part.get("content", {}).get("application/json") for part in said):
            found = {entry["$ref"].rpartition("/")[2] for entry in tops(content or {})}
            named |= {name for name in found if not name.startswith("Sparse")} - {"Health"}
    assert named > {"ComparisonSpec", "ComparisonPage", "EventBatch", "Report", "ClusterView"}
    assert {name for name in named if "examples" not in schemas[name]} == set()
    for name, schema in schemas.items():
        for example in schema.get("examples", ()):
            hold(example, {"$ref": f"#/components/schemas/{name}"}, reference)


def tops(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The outermost schemas that are named in a body's or an answer's content."""
    return (entry for entry in everything(content) if "$ref" in entry)


def test_optional_fields_of_a_spec_are_not_required(reference: dict[str, Any]) -> None:
    required = set(reference["components"]["schemas"]["ComparisonSpec"]["required"])
    fields = ComparisonSpec.model_fields.items()
    assert required == {name for name, field in fields if field.is_required()}


def test_answers_are_as_described(site: Site, reference: dict[str, Any]) -> None:
    asker = site.asker()
    created = asker.post("/v1/comparisons", json=SPEC)
    comparison = created.json()["id"]
    answers = {
        ("post", "/v1/comparisons"): created,
        ("post", "/v1/comparisons:preview"): asker.post("/v1/comparisons:preview", json=SPEC),
        ("post", "/v1/login-links"): asker.post("/v1/login-links"),
        ("get", "/v1/comparisons"): asker.get("/v1/comparisons"),
        ("get", "/v1/problems"): asker.get("/v1/problems"),
        ("get", "/v1/optimizers"): asker.get("/v1/optimizers"),
    }
    one = "/v1/comparisons/{comparison_id}"
    for part in ("", "/studies", "/trials", "/metrics", "/report"):
        answers["get", one + part] = asker.get(f"/v1/comparisons/{comparison}{part}")
    refusal = asker.post("/v1/comparisons", json={**SPEC, "seeds": 0})
    for (method, path), answer in answers.items():
        described = reference["paths"][path][method]["responses"][str(answer.status_code)]
        hold(answer.json(), described["content"]["application/json"]["schema"], reference)
    hold(refusal.json(), {"$ref": "#/components/schemas/Problem"}, reference)
    with pytest.raises(AssertionError):
        hold({"type": 3}, {"$ref": "#/components/schemas/Problem"}, reference)


def hold(value: object, schema: dict[str, Any], reference: dict[str, Any]) -> None:
    """A value against a schema of the reference."""
    whole = {**schema, "components": reference["components"]}
    errors = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
    assert not errors


def test_importing_the_commands_stays_light() -> None:
    probe = "import json, sys, api.client.__main__; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(run.stdout))
    assert "api.client.commands" in loaded
    assert not loaded & {"fastapi", "sqlalchemy", "starlette", "torch", "ray", "numpy", "jinja2"}
