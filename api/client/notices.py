"""Webhooks, asked of the service from Python."""

import json
from collections.abc import Collection
from urllib.parse import quote

from api.client.transport import Transport, read
from service.contracts.states import ComparisonState
from service.contracts.webhooks import CreatedWebhook, WebhookView

PATH = "/v1/webhooks"


class Webhooks:
    """The URLs that are told of the key's comparisons; an admin's key sees everybody's."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def list(self) -> tuple[WebhookView, ...]:
        """Each with how its deliveries go, oldest first."""
        return self._http.get(tuple[WebhookView, ...], PATH)

    def add(self, url: str, *, states: Collection[ComparisonState] = ()) -> CreatedWebhook:
        """Let a URL hear of these states, or of all; the answer alone has the secret."""
        answer = self._http.request(
            "POST",
            PATH,
            content=json.dumps({"url": url, "states": list(states)}),
            headers={"Content-Type": "application/json"},
            once=True,
        )
        return read(CreatedWebhook, answer)

    def remove(self, webhook_id: str) -> None:
        """Tell a URL no more."""
        self._http.request("DELETE", f"{PATH}/{quote(webhook_id, safe='')}")
