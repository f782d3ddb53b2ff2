"""The id of each request, in its answer and in all that is logged for it; and a line for each."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.log import about

REQUEST_ID = "X-Request-ID"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = logging.getLogger(__name__)


class Journal:
    """Takes the id that a proxy gave a request, or makes one.

    Args:
        app: What answers.
        lines: Whether each request is logged.
    """

    def __init__(self, app: ASGIApp, *, lines: bool) -> None:
        self._app, self._lines = app, lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or secrets.token_hex(8)
        began, status = time.perf_counter(), 500

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        with about(request_id=request_id):
            try:
                await self._app(scope, receive, with_id)
            finally:
                if self._lines:
                    _write_line(scope, status, time.perf_counter() - began)


def _given(scope: Scope) -> str | None:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _PLAIN.fullmatch(given) else None


def _write_line(scope: Scope, status: int, seconds: float) -> None:
    """One line; never the query, which may hold a login token, nor a path that no route has."""
    route = getattr(scope.get("route"), "path", None)
    fields = {"method": scope["method"], "route": route, "status": status, "seconds": seconds}
    ids = {name: value for name, value in scope.get("path_params", {}).items() if route}
    logger.info(
        "%s %s %d %.3f s", scope["method"], route or "(none)", status, seconds, extra=fields | ids
    )
