"""Requests to the service, repeated while it is away, and what their answers mean."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.client.errors import NotAllowed, Refused, ServerFailed, Unreachable
from api.client.settings import ClientSettings
from service.contracts.problem import Problem

PATIENCE_SECONDS = 5.0
TIMEOUT_SECONDS = 30.0
DOWNLOAD_TIMEOUT_SECONDS = 120.0
"""Between two pieces of a file: the first may want a look at every row."""
AWAY = frozenset({502, 503, 504})
TOO_MANY_REQUESTS = 429
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

T = TypeVar("T")
Ask = Callable[[], httpx.Response]
Query = Mapping[str, str | int | Sequence[str] | None]


class Transport:
    """Asks one service with one key; every method raises a `ClientError` without a good answer.

    Args:
        settings: Where the service is, and the key.
        patience: Seconds for which a service that is away is tried again.
    """

    def __init__(self, settings: ClientSettings, *, patience: float) -> None:
        self.url = settings.url
        self._patience = patience
        self._http = httpx.Client(
            base_url=settings.url,
            headers={"Authorization": f"Bearer {settings.key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=httpx.URL(settings.url).host not in LOOPBACK,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def do(self, verb: str, kind: type[T], path: str) -> T:
        """What an action gives."""
        return read(kind, self.request("POST", f"{path}:{verb}"))

    def get(self, kind: type[T], path: str, query: Query | None = None) -> T:
        """What is at a path."""
        return read(kind, self.request("GET", path, query=query))

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
        once: bool = False,
    ) -> httpx.Response:
        """An answer that is good, after as many attempts as patience allows.

        Args:
            method: Of HTTP.
            path: Below the service's address.
            query: What stands behind it.
            content: The body.
            headers: Beside the key.
            once: Whether it must not be done twice, and so is asked again only where it did not
                reach the service.
        """
        given = _given(query)
        return self._patiently(
            lambda: self._http.request(
                method, path, params=given, content=content, headers=headers
            ),
            once=once,
        )

    def download(self, path: str, to: BinaryIO, query: Query) -> httpx.Response:
        """A good answer, whose body is written to a file while it comes."""

        def ask() -> httpx.Response:
            to.seek(0)
            to.truncate()
            with self._http.stream(
                "GET", path, params=_given(query), timeout=DOWNLOAD_TIMEOUT_SECONDS
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    return answer
                for piece in answer.iter_bytes():
                    to.write(piece)
                return answer

        return self._patiently(ask)

    def _patiently(
        self, ask: Callable[[], httpx.Response], *, once: bool = False
    ) -> httpx.Response:
        """The answer, once it is good; see `request`."""
        deadline = time.monotonic() + self._patience
        pause = 0.1
        while True:
            try:
                answer = ask()
                if wait := _told_to_wait(answer, until=deadline):
                    time.sleep(wait)
                    continue
                if answer.status_code not in AWAY:
                    return _good(answer)
                away, reached = f"{self.url} answers {answer.status_code}: it is not ready", True
            except httpx.TransportError as error:
                away = f"no answer from {self.url} ({error or type(error).__name__})"
                reached = not isinstance(error, httpx.ConnectError)
            except httpx.DecodingError as error:
                raise ServerFailed(f"{self.url} answers what cannot be decoded: {error}") from error
            if once and reached:
                raise Unreachable(f"{away}; see whether it was done before you ask again")
            if time.monotonic() + pause > deadline:
                raise Unreachable(f"{away}; is the service running?")
            time.sleep(pause)
            pause = min(2 * pause, 1.0)


def _given(query: Query | None) -> dict[str, str | int | Sequence[str]]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _told_to_wait(answer: httpx.Response, *, until: float) -> float:
    """Seconds to wait before asking again; 0 where there is no need, or not so much time."""
    told = answer.headers.get("Retry-After", "")
    if answer.status_code != TOO_MANY_REQUESTS or not told.isdigit():
        return 0.0
    return float(told) if time.monotonic() + float(told) <= until else 0.0


def _good(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        problem = Problem.model_validate_json(answer.content)
    except ValidationError:
        raise ServerFailed(
            f"{answer.request.url} answers {answer.status_code}, but not as this service does"
        ) from None
    if answer.status_code in (401, 403):
        raise NotAllowed(problem)
    if answer.is_client_error:
        raise Refused(problem)
    raise ServerFailed(f"{problem.title}: {problem.detail}")


def read(kind: type[T], answer: httpx.Response) -> T:
    """The answer as a contract.

    Raises:
        ServerFailed: Where it is none.
    """
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError as error:
        what = kind.__name__ if isinstance(kind, type) and issubclass(kind, BaseModel) else kind
        raise ServerFailed(
            f"{answer.request.url} answers what is not a {what}: is its version another?"
        ) from error
