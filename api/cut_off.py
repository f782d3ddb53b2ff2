"""What a request is answered that takes longer than a web that ends can wait."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Stopping, answer, problem_of

STOPPING = "this process of the web is ending; whether it was done is not known: ask again"


class CutOff:
    """Answers what is broken off with a problem that tells the asker to try again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http":
                raise
            response = answer(problem_of(Stopping(STOPPING), scope["path"]))
            await response(scope, receive, send)
