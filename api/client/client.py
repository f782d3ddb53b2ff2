"""The service from Python: what the API offers, in the types of the contracts."""

import json
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Self
from urllib.parse import quote

from pydantic import TypeAdapter

from api.client.accounts import Accounts
from api.client.capsules import Capsules
from api.client.files import Files
from api.client.notices import Webhooks
from api.client.settings import ClientSettings
from api.client.transport import PATIENCE_SECONDS, Query, Transport, read
from service.contracts.catalogue import OptimizerEntry, ProblemEntry
from service.contracts.cluster import ClusterView
from service.contracts.forms import ReportForm
from service.contracts.logs import LogPage
from service.contracts.report import Report
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ComparisonState, StudyKind
from service.contracts.templates import TemplateView
from service.contracts.views import (
    ChangeEvent,
    ComparisonPage,
    ComparisonView,
    Preview,
    Series,
    StudyView,
    TrialView,
)

Spec = ComparisonSpec | Mapping[str, object] | str
"""A comparison to run; a string is YAML or JSON text."""

States = ComparisonState | Collection[ComparisonState] | None
"""One state, several of which one is enough, or None for any."""


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
        self._http = Transport(settings, patience=patience)
        self.accounts = Accounts(self._http)
        self.files = Files(self._http)
        self.webhooks = Webhooks(self._http)
        self.capsules = Capsules(self._http)

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
        answer = self._http.request("POST", "/v1/comparisons", content=content, headers=headers)
        return read(ComparisonView, answer)

    def preview(self, spec: Spec) -> Preview:
        """What a comparison would run."""
        content, media_type = _body(spec)
        headers = {"Content-Type": media_type}
        answer = self._http.request(
            "POST", "/v1/comparisons:preview", content=content, headers=headers
        )
        return read(Preview, answer)

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        state: States = None,
        tags: Sequence[str] = (),
        owner: str | None = None,
        name: str | None = None,
        sort: str | None = None,
    ) -> ComparisonPage:
        """Some comparisons.

        Args:
            limit: How many at most.
            cursor: The ``next_cursor`` of the page before.
            state: Those in this state, or in one of these.
            tags: Those with all of these tags.
            owner: Those created with a key of this name.
            name: Those with this text in their name.
            sort: As ``-priority,name``; otherwise the newest first.
        """
        states = [state] if isinstance(state, ComparisonState) else list(state or ())
        query: Query = {
            "limit": limit,
            "cursor": cursor,
            "state": states,
            "tag": list(tags),
            "owner": owner,
            "name": name,
            "sort": sort,
        }
        return self._http.get(ComparisonPage, "/v1/comparisons", query)

    def comparisons(
        self,
        *,
        state: States = None,
        tags: Sequence[str] = (),
        owner: str | None = None,
        name: str | None = None,
    ) -> Iterator[ComparisonView]:
        """Every comparison of those, newest first, read page by page."""
        cursor: str | None = None
        while True:
            page = self.page(
                limit=200, cursor=cursor, state=state, tags=tags, owner=owner, name=name
            )
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def get(self, comparison_id: str) -> ComparisonView:
        """One comparison."""
        return self._http.get(ComparisonView, _path(comparison_id))

    def cancel(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Stop a comparison, or take one contender out; twice is once."""
        return self._http.do("cancel", ComparisonView, _path(comparison_id, contender))

    def pause(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Hold a comparison, or what one contender has to run."""
        return self._http.do("pause", ComparisonView, _path(comparison_id, contender))

    def resume(self, comparison_id: str, *, contender: str | None = None) -> ComparisonView:
        """Let all that is paused in a comparison go on, or all of one contender."""
        return self._http.do("resume", ComparisonView, _path(comparison_id, contender))

    def extend(
        self,
        comparison_id: str,
        *,
        trials: int | None = None,
        epochs: int | None = None,
        seeds: int | None = None,
        contenders: Sequence[Mapping[str, object]] = (),
    ) -> ComparisonView:
        """Give a comparison these totals, or further contenders; what ran is used again."""
        given = {"trials": trials, "epochs": epochs, "seeds": seeds, "contenders": contenders}
        answer = self._http.request(
            "POST",
            f"{_path(comparison_id)}:extend",
            content=json.dumps({name: value for name, value in given.items() if value}),
            headers={"Content-Type": "application/json"},
        )
        return read(ComparisonView, answer)

    def edit(self, comparison_id: str, **fields: object) -> ComparisonView:
        """Change a comparison's ``name``, ``tags`` or ``priority``; None takes the default back."""
        return read(
            ComparisonView,
            self._http.request(
                "PATCH",
                _path(comparison_id),
                content=json.dumps(fields),
                headers={"Content-Type": "application/merge-patch+json"},
            ),
        )

    def clone(
        self,
        comparison_id: str,
        changes: Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> ComparisonView:
        """Queue a comparison's spec once more, with these changes (a JSON merge patch)."""
        headers = {
            "Content-Type": "application/merge-patch+json",
            "Idempotency-Key": idempotency_key or secrets.token_urlsafe(16),
        }
        content = json.dumps(dict(changes or {}))
        path = f"{_path(comparison_id)}:clone"
        answer = self._http.request("POST", path, content=content, headers=headers)
        return read(ComparisonView, answer)

    def delete(self, comparison_id: str) -> None:
        """Remove a comparison that has ended, for good."""
        self._http.request("DELETE", _path(comparison_id))

    def cancel_trial(self, trial_id: str) -> TrialView:
        """Stop one trial."""
        return self._http.do("cancel", TrialView, _trial_path(trial_id))

    def pause_trial(self, trial_id: str) -> TrialView:
        """Hold one trial."""
        return self._http.do("pause", TrialView, _trial_path(trial_id))

    def resume_trial(self, trial_id: str) -> TrialView:
        """Let a paused trial go on."""
        return self._http.do("resume", TrialView, _trial_path(trial_id))

    def studies(self, comparison_id: str) -> tuple[StudyView, ...]:
        """The studies of a comparison."""
        return self._http.get(tuple[StudyView, ...], f"{_path(comparison_id)}/studies")

    def trials(
        self,
        comparison_id: str,
        *,
        kind: StudyKind | None = None,
        contender: str | None = None,
    ) -> tuple[TrialView, ...]:
        """The trials of a comparison."""
        query = {"kind": kind, "contender": contender}
        return self._http.get(tuple[TrialView, ...], f"{_path(comparison_id)}/trials", query)

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
        return self._http.get(tuple[Series, ...], f"{_path(comparison_id)}/metrics", query)

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
        return self._http.get(LogPage, f"{_path(comparison_id)}/logs", query)

    def changes(
        self, comparison_id: str, *, after: int = 0, limit: int = 100
    ) -> tuple[ChangeEvent, ...]:
        """What changed in a comparison, after that number."""
        query: Query = {"after": after, "limit": limit}
        return self._http.get(tuple[ChangeEvent, ...], f"{_path(comparison_id)}/changes", query)

    def report(self, comparison_id: str) -> Report:
        """The verdict; interim while runs are missing."""
        return self._http.get(Report, f"{_path(comparison_id)}/report")

    def report_html(self, comparison_id: str) -> str:
        """The report as one self-contained page; ``files`` has its other forms."""
        return self.files.report(comparison_id, ReportForm.HTML).decode()

    def problems(self) -> tuple[ProblemEntry, ...]:
        """What can be trained."""
        return self._http.get(tuple[ProblemEntry, ...], "/v1/problems")

    def optimizers(self) -> tuple[OptimizerEntry, ...]:
        """What can be compared."""
        return self._http.get(tuple[OptimizerEntry, ...], "/v1/optimizers")

    def templates(self) -> tuple[TemplateView, ...]:
        """Comparisons that are ready, the cheapest first."""
        return self._http.get(tuple[TemplateView, ...], "/v1/templates")

    def workers(self) -> ClusterView:
        """The cluster's machines, what runs on them and what waits for them."""
        return self._http.get(ClusterView, "/v1/workers")

    def login_link(self) -> str:
        """A link that signs one browser in, once, within ten minutes."""
        answer = self._http.request("POST", "/v1/login-links")
        return f"{self.url}{read(dict[str, str], answer)['path']}"


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
