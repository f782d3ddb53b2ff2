"""Keys, whoever asks, and who did what, asked of the service from Python."""

import json
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from api.client.transport import Query, Transport, read
from service.contracts.access import AskerView, Deed, DeedPage, KeyView, NewKeyView, Role

MOST = 200
"""Deeds of a page."""


class Accounts:
    """What there is to ask about access; all but `me` needs an admin's key."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def me(self) -> AskerView:
        """Whoever asks, with what they have used."""
        return self._http.get(AskerView, "/v1/me")

    def keys(self) -> tuple[KeyView, ...]:
        """Every key without its secret, oldest first."""
        return self._http.get(tuple[KeyView, ...], "/v1/keys")

    def create_key(
        self,
        name: str,
        *,
        role: Role = Role.SUBMITTER,
        expires_at: datetime | None = None,
        most_comparisons: int | None = None,
        most_worker_seconds: float | None = None,
    ) -> NewKeyView:
        """Make a key; the answer is the only place where its secret stands."""
        wanted = {
            "name": name,
            "role": role,
            "expires_at": _written(expires_at),
            "most_comparisons": most_comparisons,
            "most_worker_seconds": most_worker_seconds,
        }
        answer = self._http.request(
            "POST",
            "/v1/keys",
            content=json.dumps(wanted),
            headers={"Content-Type": "application/json"},
            once=True,
        )
        return read(NewKeyView, answer)

    def revoke_key(self, key_id: str) -> KeyView:
        """End a key."""
        return self._http.do("revoke", KeyView, f"/v1/keys/{quote(key_id, safe='')}")

    def deeds(
        self,
        *,
        actor: str | None = None,
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Deed]:
        """Who did what, the latest first, read page by page."""
        query: dict[str, str | int | None] = {
            "actor": actor,
            "subject": subject,
            "since": _written(since),
            "until": _written(until),
            "limit": MOST,
        }
        cursor: str | None = None
        while True:
            page = self._page({**query, "cursor": cursor})
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def _page(self, query: Query) -> DeedPage:
        return self._http.get(DeedPage, "/v1/audit", query)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
