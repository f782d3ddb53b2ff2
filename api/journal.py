"""What is kept of each request: its id, its route, its status and its seconds."""

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Metrics
from service.log import about

REQUEST_ID = "X-Request-ID"
UNKNOWN = "(none)"
"""Stands for every path that no route has: strangers cannot make up series of figures."""
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = logging.getLogger(__name__)


class Journal:
    """Gives each request an id, in its answer and in all that is logged for it, and counts it.

    Args:
        app: What answers.
        metrics: Told of each answer.
        lines: Whether each request is logged.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, lines: bool) -> None:
        self._app, self._metrics, self._lines = app, metrics, lines

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
                self._note(scope, status, time.perf_counter() - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        """Never the query, which may hold a login token, nor a path that no route has."""
        method, route = scope["method"], getattr(scope.get("route"), "path", None)
        self._metrics.answered(
            method=method, route=route or UNKNOWN, status=status, seconds=seconds
        )
        if self._lines:
            fields = {"method": method, "route": route, "status": status, "seconds": seconds}
            ids = scope.get("path_params", {}) if route else {}
            logger.info(
                "%s %s %d %.3f s", method, route or UNKNOWN, status, seconds, extra=fields | ids
            )


def _given(scope: Scope) -> str | None:
    given = Headers(scope=scope).get(REQUEST_ID, "")
    return given if _PLAIN.fullmatch(given) else None
