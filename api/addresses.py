"""Refuses addresses that hold NUL, which names nothing and which PostgreSQL cannot look up."""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import MalformedRequest, answer, problem_of


class PlainAddresses:
    """Passes on requests whose path and query are text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            error = MalformedRequest("the address must not hold the character NUL")
            await answer(problem_of(error, scope["path"]))(scope, receive, send)
            return
        await self._app(scope, receive, send)
