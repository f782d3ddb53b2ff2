"""The service from Python: what the API offers, in the types of the contracts."""

import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.client.errors import NotAllowed, Refused, ServerFailed, Unreachable
from api.client.settings import ClientSettings
from service.contracts.catalogue import OptimizerEntry, ProblemEntry
from service.contracts.cluster import ClusterView
from service.contracts.logs import LogPage
from service.contracts.problem import Problem
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, StudyKind
from service.contracts.views import (
    ComparisonPage,
    ComparisonView,
    Preview,
    Series,
    StudyView,
    TrialView,
)

PATIENCE_SECONDS = 5.0
TIMEOUT_SECONDS = 30.0
AWAY = frozenset({502, 503, 504})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

Spec = ComparisonSpec | Mapping[str, object] | str
"""A comparison to run; a string is YAML or JSON text."""

T = TypeVar("T")
Query = Mapping[str, str | int | Sequence[str] | None]


class Client:
    """Asks the service; every method raises a `ClientError` where it gets no good answer.

    Requests that reach nobody are repeated for a while. That is safe: the only one that
    creates something carries an idempotency key, and what changes something may be repeated.

    Args:
        url: Where the service is.
        key: The key with which to ask.
        patience: Seconds for which a service that is away is tried again.

    Raises:
        NotConfigured: Where the URL or the key cannot be one.
    """

    def __init__(self, url: str, key: str, *, patience: float = PATIENCE_SECONDS) -> None:
        settings = ClientSettings(url.rstrip("/"), key)
        self.url = settings.url
        self._patience = patience
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=httpx.URL(self.url).host not in LOOPBACK,
        )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, patience: float = PATIENCE_SECONDS
    ) -> Self:
        """A client of the service that the environment, or this machine, knows."""
        found = ClientSettings.find(os.environ if environment is None else environment)
        return cls(found.url, found.key, patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def submit(self, spec: Spec, *, idempotency_key: str | None = None) -> ComparisonView:
        """Queue a comparison; the same key and spec again give the same comparison."""
        content, media_type = _body(spec)
        headers = {
            "Content-Type": media_type,
            "Idempotency-Key": idempotency_key or secrets.token_urlsafe(16),
        }
        answer = self._request("POST", "/v1/comparisons", content=content, headers=headers)
        return _read(ComparisonView, answer)

    def preview(self, spec: Spec) -> Preview:
        """What a comparison would run."""
        content, media_type = _body(spec)
        headers = {"Content-Type": media_type}
        answer = self._request("POST", "/v1/comparisons:preview", content=content, headers=headers)
        return _read(Preview, answer)

    def page(
        self, *, limit: int = 50, cursor: str | None = None, state: ComparisonState | None = None
    ) -> ComparisonPage:
        """Some comparisons, newest first."""
        query = {"limit": limit, "cursor": cursor, "state": state}
        return self._get(ComparisonPage, "/v1/comparisons", query)

    def comparisons(self, *, state: ComparisonState | None = None) -> Iterator[ComparisonView]:
        """Every comparison, newest first, read page by page."""
        page = self.page(limit=200, state=state)
        yield from page.items
        while page.next_cursor:
            page = self.page(limit=200, cursor=page.next_cursor, state=state)
            yield from page.items

    def get(self, comparison_id: str) -> ComparisonView:
        """One comparison."""
        return self._get(ComparisonView, _path(comparison_id))

    def cancel(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Stop a comparison, or take one contender out; twice is once."""
        return self._do("cancel", ComparisonView, _path(comparison_id, contender))

    def pause(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Hold a comparison, or what one contender has to run."""
        return self._do("pause", ComparisonView, _path(comparison_id, contender))

    def resume(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Let all that is paused in a comparison go on, or all of one contender."""
        return self._do("resume", ComparisonView, _path(comparison_id, contender))

    def extend(
        self,
        comparison_id: str,
        *,
        trials: int | None = None,
        epochs: int | None = None,
        seeds: int | None = None,
    ) -> ComparisonView:
        """Give a comparison these totals of points, epochs and seeds; what ran is used again."""
        given = {"trials": trials, "epochs": epochs, "seeds": seeds}
        totals = {name: total for name, total in given.items() if total is not None}
        answer = self._request(
            "POST",
            f"{_path(comparison_id)}:extend",
            content=json.dumps(totals),
            headers={"Content-Type": "application/json"},
        )
        return _read(ComparisonView, answer)

    def cancel_trial(self, trial_id: str) -> TrialView:
        """Stop one trial."""
        return self._do("cancel", TrialView, _trial_path(trial_id))

    def pause_trial(self, trial_id: str) -> TrialView:
        """Hold one trial."""
        return self._do("pause", TrialView, _trial_path(trial_id))

    def resume_trial(self, trial_id: str) -> TrialView:
        """Let a paused trial go on."""
        return self._do("resume", TrialView, _trial_path(trial_id))

    def studies(self, comparison_id: str) -> tuple[StudyView, ...]:
        """The studies of a comparison."""
        return self._get(tuple[StudyView, ...], f"{_path(comparison_id)}/studies")

    def trials(
        self,
        comparison_id: str,
        *,
        kind: StudyKind | None = None,
        contender: str | None = None,
    ) -> tuple[TrialView, ...]:
        """The trials of a comparison."""
        query = {"kind": kind, "contender": contender}
        return self._get(tuple[TrialView, ...], f"{_path(comparison_id)}/trials", query)

    def metrics(
        self,
        comparison_id: str,
        *,
        kind: StudyKind | None = None,
        contender: str | None = None,
        trials: Sequence[str] = (),
        points: int | None = None,
    ) -> tuple[Series, ...]:
        """The curves of a comparison's trials; ``points`` is the most of each curve."""
        query: Query = {
            "kind": kind,
            "contender": contender,
            "trial": list(trials),
            "points": points,
        }
        return self._get(tuple[Series, ...], f"{_path(comparison_id)}/metrics", query)

    def logs(
        self,
        comparison_id: str,
        *,
        study: str | None = None,
        trial: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> LogPage:
        """What drivers and trials printed, after that number."""
        query: Query = {"study": study, "trial": trial, "after": after, "limit": limit}
        return self._get(LogPage, f"{_path(comparison_id)}/logs", query)

    def report(self, comparison_id: str) -> Report:
        """The verdict; interim while runs are missing."""
        return self._get(Report, f"{_path(comparison_id)}/report")

    def report_html(self, comparison_id: str) -> str:
        """The report as one self-contained page."""
        path = f"{_path(comparison_id)}/report"
        return self._request("GET", path, query={"format": "html"}).text

    def problems(self) -> tuple[ProblemEntry, ...]:
        """What can be trained."""
        return self._get(tuple[ProblemEntry, ...], "/v1/problems")

    def optimizers(self) -> tuple[OptimizerEntry, ...]:
        """What can be compared."""
        return self._get(tuple[OptimizerEntry, ...], "/v1/optimizers")

    def workers(self) -> ClusterView:
        """The cluster's machines, what runs on them and what waits for them."""
        return self._get(ClusterView, "/v1/workers")

    def login_link(self) -> str:
        """A link that signs one browser in, once, within ten minutes."""
        answer = self._request("POST", "/v1/login-links")
        return f"{self.url}{_read(dict[str, str], answer)['path']}"

    def _do(self, verb: str, kind: type[T], path: str) -> T:
        return _read(kind, self._request("POST", f"{path}:{verb}"))

    def _get(self, kind: type[T], path: str, query: Query | None = None) -> T:
        return _read(kind, self._request("GET", path, query=query))

    def _request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        content: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """An answer that is good, after as many attempts as patience allows."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        deadline = time.monotonic() + self._patience
        pause = 0.1
        while True:
            try:
                answer = self._http.request(
                    method, path, params=given, content=content, headers=headers
                )
                if answer.status_code not in AWAY:
                    return _good(answer)
                away = f"{self.url} answers {answer.status_code}: it is not ready"
            except httpx.TransportError as error:
                away = f"no answer from {self.url} ({error or type(error).__name__})"
            except httpx.DecodingError as error:
                raise ServerFailed(f"{self.url} answers what cannot be decoded: {error}") from error
            if time.monotonic() + pause > deadline:
                raise Unreachable(f"{away}; is the service running?")
            time.sleep(pause)
            pause = min(2 * pause, 1.0)


def _path(comparison_id: str, contender: str | None = None) -> str:
    whole = f"/v1/comparisons/{quote(comparison_id, safe='')}"
    return whole if contender is None else f"{whole}/contenders/{quote(contender, safe='')}"


def _trial_path(trial_id: str) -> str:
    return f"/v1/trials/{quote(trial_id, safe='')}"


def _body(spec: Spec) -> tuple[str, str]:
    match spec:
        case str():
            return spec, "application/json" if spec.lstrip()[:1] in "{[" else "application/yaml"
        case ComparisonSpec():
            return spec.model_dump_json(exclude_none=True), "application/json"
        case _:
            return TypeAdapter(dict[str, object]).dump_json(dict(spec)).decode(), "application/json"


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


def _read(kind: type[T], answer: httpx.Response) -> T:
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError as error:
        what = kind.__name__ if isinstance(kind, type) and issubclass(kind, BaseModel) else kind
        raise ServerFailed(
            f"{answer.request.url} answers what is not a {what}: is its version another?"
        ) from error
