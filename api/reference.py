"""The reference of the API (OpenAPI): bodies, problems and examples that routes do not show."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from api.errors import MEDIA_TYPE
from service.contracts.access import KeyRequest
from service.contracts.agreement import TwoReports
from service.contracts.base import Contract
from service.contracts.capsule import Capsule
from service.contracts.catalogue import built_in
from service.contracts.documents import read_document
from service.contracts.edit import Edit
from service.contracts.events import EventBatch, Heartbeat
from service.contracts.extension import Extension
from service.contracts.logs import LogBatch
from service.contracts.problem import Problem
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.views import (
    ChangeEvent,
    ComparisonPage,
    ComparisonView,
    PointsAnnouncement,
)
from service.contracts.webhooks import NewWebhook, Notice

SPECS = tuple(Path(__file__).parents[1] / "examples" / name for name in ("demo.yaml", "grid.yaml"))
"""Comparisons that stand as examples: one with Sobol points and one with grids."""
EXAMPLES = Path(__file__).parent / "schemas" / "examples.yaml"
"""One of each other contract, by its name."""
REFERENCE = "#/components/schemas/{model}"
DESCRIPTION = """Compares optimizers fairly: say what to compare and for how much compute; each
contender is tuned with the same budget, trained on the same fresh seeds, and the report says who
wins, by how much, and how sure that is.

Every refusal is a problem document (RFC 9457) with a stable `code` and, where fields are wrong,
`errors` with the field and the allowed values. Lists take `sort` and `fields`; what is common to
all keys has an `ETag`. The figures in examples are made up."""

_PROBLEMS = {
    400: "The address or the body cannot be read; the detail says where.",
    401: "A valid key is needed.",
    403: "The key's role, or the study token, does not allow this.",
    404: "There is no such thing.",
    409: "The request does not fit the present state.",
    413: "The body is too large.",
    415: "The format of the body is not supported.",
    422: "Fields are not valid; `errors` names each and what is allowed.",
    429: "The asker asks too often, see `Retry-After`; or the key's quota is used up, see `quota`.",
    503: "The database does not answer now; the same may be asked again.",
}
_IN_BODIES: tuple[type[Contract], ...] = (
    Capsule,
    ComparisonSpec,
    Edit,
    EventBatch,
    Extension,
    Heartbeat,
    KeyRequest,
    LogBatch,
    NewWebhook,
    Notice,
    Problem,
    ChangeEvent,
    PointsAnnouncement,
    TwoReports,
)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented problem answers of a route that wants a key."""
    return refusals(400, 401, 422, 429, 503, *statuses)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These problem answers and no others."""
    schema = {"$ref": REFERENCE.format(model=Problem.__name__)}
    return {
        status: {
            "description": _PROBLEMS[status],
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted(set(statuses))
    }


def json_body(kind: type[Contract]) -> dict[str, Any]:
    """The documentation of a JSON body."""
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model=kind.__name__)}}}
    return {"requestBody": {"required": True, "content": content}}


def patch_body(schema: dict[str, Any], *, required: bool) -> dict[str, Any]:
    """The documentation of a body that is a JSON merge patch (RFC 7396)."""
    kinds = ("application/merge-patch+json", "application/json")
    content = {kind: {"schema": schema} for kind in kinds}
    return {"requestBody": {"required": required, "content": content}}


def spec_body() -> dict[str, Any]:
    """The documentation of a body that is a comparison's spec; the example is filled in later."""
    schema = {"$ref": REFERENCE.format(model=ComparisonSpec.__name__)}
    kinds = ("application/json", "application/yaml")
    return {"requestBody": {"required": True, "content": {k: {"schema": schema} for k in kinds}}}


def install(app: FastAPI) -> None:
    """Let the application describe itself in full."""
    app.openapi = _describer(app)  # type: ignore[method-assign]


def _describer(app: FastAPI) -> Callable[[], dict[str, Any]]:
    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    return describe


def _described(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        separate_input_output_schemas=False,
    )
    _, found = models_json_schema(
        [(kind, "validation") for kind in _IN_BODIES], ref_template=REFERENCE
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in found["$defs"].items():
        schemas.setdefault(name, schema)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for name, examples in _examples().items():
        schemas[name]["examples"] = examples
    for operation in _operations(document):
        operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = _given(parameter["schema"])
    return document


def _examples() -> dict[str, list[Any]]:
    """Examples by the contract's name: those of the files, and the catalogue's own entries."""
    known = built_in()
    one: Any = read_document(EXAMPLES.read_text(encoding="utf-8"))
    page = {"items": [one[ComparisonView.__name__]], "next_cursor": None}
    entries = (known.optimizers[0], known.problems[0])
    return {
        ComparisonSpec.__name__: [read_document(path.read_text("utf-8")) for path in SPECS],
        ComparisonPage.__name__: [page],
        TwoReports.__name__: [{"then": one[Report.__name__], "now": one[Report.__name__]}],
        **{type(entry).__name__: [entry.model_dump(mode="json")] for entry in entries},
        **{name: [example] for name, example in one.items()},
    }


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        yield from methods.values()


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema as an address has it: without null, and texts without NUL.

    A parameter that is not given is left out, and no word is null.
    """
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        schema = {**{word: said for word, said in schema.items() if word != "anyOf"}, **kinds[0]}
    if schema.get("type") == "array":
        return {**schema, "items": _given(schema["items"])}
    if schema.get("type") == "string" and not schema.keys() & {"enum", "format", "pattern"}:
        return {**schema, "pattern": r"^[^\x00]*$"}
    return schema
