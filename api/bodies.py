"""The bodies of requests: read once the asker is known, and never larger than their limit."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, NoReturn, TypeVar

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import (
    InvalidRequest,
    MalformedDocument,
    TooLarge,
    UnsupportedMediaType,
    answer,
    problem_of,
)
from service.contracts.base import Contract
from service.contracts.documents import read_document, refuse_halves
from service.contracts.errors import LONGEST_WORDS, from_validation

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
MEBIBYTE = 1 << 20
LIMIT = MEBIBYTE
YAML_LIMIT = 64 << 10
"""YAML is read slowly; a larger document can be sent as JSON."""
LARGE_LIMIT = 16 * MEBIBYTE
"""Of what programs write: events, logs, capsules, reports."""
_OF_PROGRAMS = ("/v1/comparisons:rerun", "/v1/reports:compare")
LONGEST_SIZE = 18
"""Digits of an announced size that are read; a longer one is too large by those alone."""

ContractT = TypeVar("ContractT", bound=Contract)


class BodyLimit:
    """Refuses bodies above their path's limit, by their announced size or while they arrive."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it brings."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = _limit(scope["path"])
        if _announced(scope) > limit:
            refusal = answer(problem_of(_too_large(limit), scope["path"]))
            await refusal(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, counted, send)


def _limit(path: str) -> int:
    told = path.startswith("/v1/studies/") and path.endswith(("/events", "/logs"))
    return LARGE_LIMIT if told or path in _OF_PROGRAMS else LIMIT


def _announced(scope: Scope) -> int:
    sizes = [value for name, value in scope["headers"] if name == b"content-length"]
    if not sizes or not sizes[0].isdigit():
        return 0
    return int(sizes[0][:LONGEST_SIZE])


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body must not be larger than {limit:,} bytes")


@dataclass(frozen=True)
class Body:
    """What a request brought, not yet read."""

    media_type: str
    content: bytes

    def contract(
        self, kind: type[ContractT], *, media_types: tuple[str, ...] = (JSON,)
    ) -> ContractT:
        """The JSON body as a contract.

        Args:
            kind: Which one.
            media_types: How JSON may be announced.

        Raises:
            UnsupportedMediaType: Where it is not JSON.
            MalformedDocument: Where it cannot be read; says the line and the column.
            InvalidRequest: Where it is not what is wanted; says the fields.
        """
        self._must_be(media_types)
        try:
            return kind.model_validate_json(self.content)
        except ValidationError as error:
            raise InvalidRequest(from_validation(error, _read_json(self.content), kind)) from error

    def merge_patch(self) -> object:
        """The plain values of a JSON merge patch; of an empty body a patch that changes nothing.

        Raises:
            UnsupportedMediaType: Where it is not JSON.
            MalformedDocument: Where it cannot be read; says the line and the column.
        """
        if not self.content:
            return {}
        self._must_be((JSON, MERGE_PATCH))
        return _read_json(self.content)

    def json(self) -> object:
        """The plain values of a JSON body.

        Raises:
            UnsupportedMediaType: Where it is not JSON.
            MalformedDocument: Where it cannot be read; says the line and the column.
        """
        self._must_be((JSON,))
        return _read_json(self.content)

    def _must_be(self, media_types: tuple[str, ...]) -> None:
        if self.media_type not in media_types:
            wanted = " or ".join(media_types)
            raise UnsupportedMediaType(f"{self.media_type!r} is not read here; send {wanted}")

    def document(self) -> object:
        """The plain values of a JSON or YAML body.

        Raises:
            UnsupportedMediaType: Where it is neither.
            MalformedDocument: Where it cannot be read as JSON; says the line and the column.
            DocumentError: Where it cannot be read as YAML; says the line and the column.
            TooLarge: Where YAML is larger than its limit.
        """
        if self.media_type == JSON:
            return _read_json(self.content)
        if self.media_type not in YAML:
            raise UnsupportedMediaType(
                f"{self.media_type!r} is not read here; send {JSON} or {YAML[0]}"
            )
        if len(self.content) > YAML_LIMIT:
            raise TooLarge(f"YAML must not be larger than {YAML_LIMIT:,} bytes; send JSON instead")
        return read_document(_text(self.content))


async def body(request: Request) -> Body:
    """What a request brings; routes ask who sends it first, and read it in their thread."""
    media_type = request.headers.get("content-type", JSON).split(";")[0].strip().lower()
    return Body(media_type, await request.body())


BodyDep = Annotated[Body, Depends(body)]


def _read_json(body: bytes) -> object:
    try:
        value: object = json.loads(
            _text(body), parse_constant=_no_number, object_pairs_hook=_unique
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedDocument(f"{where}: {error.msg}") from error
    except RecursionError as error:
        raise MalformedDocument("the document is nested too deeply") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise MalformedDocument("a number has too many digits") from error
    refuse_halves(value)
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedDocument(f"byte {error.start + 1} is not UTF-8") from error


def _no_number(word: str) -> NoReturn:
    raise MalformedDocument(f"{word} is not JSON")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, times in counts.items() if times > 1)
        raise MalformedDocument(f"given twice: {twice[:LONGEST_WORDS]}")
    return found
