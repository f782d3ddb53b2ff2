"""Every refusal and failure as problem+json (RFC 9457); a reader's browser gets a page instead."""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.dashboard.rendering import render
from api.dashboard.wording import CLIENT
from service.contracts.documents import DocumentError
from service.contracts.errors import FieldError, field_path
from service.contracts.problem import Problem
from service.domain.errors import (
    FieldsRefused,
    QuotaExceeded,
    ServiceError,
    TooManyRequests,
    Unauthenticated,
)

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:kbfgs:problem:{}"
CHALLENGE = {"WWW-Authenticate": "Bearer"}
PROGRAM_PATHS = ("/v1", "/healthz", "/readyz")
NEW_LINK = (
    "In the checkout, on the machine where `service up` runs, this prints a new one; elsewhere it "
    "needs KBFGS_URL and an admin's key in KBFGS_KEY:"
)
"""Stands above the command that prints a link."""


class InvalidRequest(FieldsRefused):
    """A parameter or a body is not as the reference says."""

    code = "invalid_request"
    title = "The request is not valid"


class MalformedDocument(ServiceError):
    """The body cannot be read at all."""

    status = 400
    code = "malformed_document"
    title = "The body cannot be read"


class MalformedRequest(ServiceError):
    """The request is not one that anything here could answer."""

    status = 400
    code = "malformed_request"
    title = "The request cannot be read"


class UnsupportedMediaType(ServiceError):
    """The body is in a format that is not read here."""

    status = 415
    code = "unsupported_media_type"
    title = "The format of the body is not supported"


class TooLarge(ServiceError):
    """The body is too large."""

    status = 413
    code = "too_large"
    title = "The body is too large"


class Stopping(ServiceError):
    """The web ends before it can answer."""

    status = 503
    code = "stopping"
    title = "The service is stopping"


def install(app: FastAPI) -> None:
    """Answer all refusals and failures of an application with problems."""
    app.add_exception_handler(ServiceError, _refused)
    app.add_exception_handler(DocumentError, _malformed)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


def answer(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as a response."""
    return Response(
        problem.model_dump_json(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def problem_of(error: ServiceError, path: str) -> Problem:
    """A refusal as a problem document."""
    return Problem(
        type=TYPE.format(error.code),
        title=error.title,
        status=error.status,
        detail=str(error),
        code=error.code,
        instance=path,
        errors=error.errors if isinstance(error, FieldsRefused) else (),
        quota=error.quota if isinstance(error, QuotaExceeded) else None,
    )


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return answer(problem_of(error, request.url.path), _headers(error))


def _headers(error: ServiceError) -> Mapping[str, str]:
    match error:
        case Unauthenticated():
            return CHALLENGE
        case TooManyRequests():
            return {"Retry-After": str(math.ceil(error.retry_after))}
        case _:
            return {}


def _malformed(request: Request, error: Exception) -> Response:
    return _refused(request, MalformedDocument(str(error)))


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [
        FieldError(
            field=_parameter(detail["loc"]),
            message=str(detail["msg"]).removeprefix("Value error, "),
        )
        for detail in error.errors()
    ]
    return _refused(request, InvalidRequest(fields))


def _parameter(location: Sequence[int | str]) -> str:
    """What a person called it; a parameter that is given several times has one name."""
    named = location[1:2] if location[0] == "query" else location[1:]
    return field_path(named) or "(whole)"


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = f"nothing answers {request.method} {request.url.path} here"
    if _wants_page(request):
        return message_page(request, status=status, title="There is no such page", detail=detail)
    problem = Problem(
        type=TYPE.format(status.name.lower()),
        title=status.phrase.capitalize(),
        status=status,
        detail=detail,
        code=status.name.lower(),
        instance=request.url.path,
    )
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return answer(problem, {"Allow": ", ".join(sorted(_methods(request)))})
    return answer(problem, error.headers)


def _methods(request: Request) -> set[str]:
    """What may be done with a path; the framework knows its first route's methods alone."""
    routes: tuple[APIRoute, ...] = request.app.state.api_routes
    return {
        method
        for route in routes
        if route.path_regex.match(request.url.path)
        for method in route.methods or ()
    }


def _failed(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed: %s", request.method, request.url.path, type(error).__name__)
    return _refused(request, ServiceError("something went wrong; the service's log says more"))


def message_page(request: Request, *, status: int, title: str, detail: str) -> Response:
    """A page with a sentence for a reader, and the command that prints a new link on a 401."""
    locked_out = status == HTTPStatus.UNAUTHORIZED
    return render(
        request,
        "message.html",
        status=status,
        title=title,
        detail=detail,
        command=f"{CLIENT} login" if locked_out else "",
        home=not locked_out,
        csrf="",
    )


def _wants_page(request: Request) -> bool:
    reader = "text/html" in request.headers.get("accept", "")
    return reader and not request.url.path.startswith(PROGRAM_PATHS)
