"""Answers that a reader may keep: an ETag each, and 304 where the reader still has the same."""

from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Any

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

KEPT = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
"""A reader's own cache may keep it, and asks each time whether it is still so."""
LARGE = 1 << 20
"""Bytes of an answer; the digest of a larger one is made beside the event loop."""
_OF_A_BODY = frozenset({"content-length", "content-type"})
_NOT_MODIFIED = {304: {"description": "What the reader has, by `If-None-Match`, is still so."}}
_CONDITION = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of an answer that the reader still has.",
    "schema": {"type": "string"},
}


class TaggedRoute(APIRoute):
    """A route whose GET is answered with the digest of its body as the ETag.

    The digest is right whatever an answer is made of, clocks and counts over trials too. What it
    saves is the answer's way; that rows have not changed is for the use cases to remember.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if set(options.get("methods") or ()) == {"GET"} and not _streams(options):
            options["responses"] = {**(options.get("responses") or {}), **_NOT_MODIFIED}
            options["openapi_extra"] = {"parameters": [_CONDITION]}
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler; whoever may not ask is refused before there is anything to compare."""
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await handle(request)
            whole = not isinstance(response, StreamingResponse)
            if request.method != "GET" or response.status_code != 200 or not whole:
                return response
            tag = await _tag(response.body)
            response.headers.update({**KEPT, "ETag": tag})
            if not has(request, tag):
                return response
            headers = {k: v for k, v in response.headers.items() if k not in _OF_A_BODY}
            return Response(status_code=304, headers=headers)  # the reader takes them over

        return tagged


def has(request: Request, tag: str) -> bool:
    """Whether the reader still has the answer with this tag; compared weakly (RFC 9110, 13.1.2)."""
    condition = request.headers.get("if-none-match", "")
    named = [word.strip().removeprefix("W/") for word in condition.split(",")]
    return tag.removeprefix("W/") in named or named == ["*"]


async def _tag(body: bytes | memoryview) -> str:
    digest = await run_in_threadpool(sha256, body) if len(body) > LARGE else sha256(body)
    return f'"{digest.hexdigest()[:32]}"'


def _streams(options: dict[str, Any]) -> bool:
    kind = options.get("response_class")
    return isinstance(kind, type) and issubclass(kind, StreamingResponse)
