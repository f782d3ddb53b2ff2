"""Webhooks: where a service is told of a person's comparisons, and what it is told."""

import re
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from service.contracts.base import Contract
from service.contracts.states import ComparisonState
from service.contracts.views import ChangeEvent

_WEB_ADDRESS = r"^[Hh][Tt][Tt][Pp][Ss]?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-\"$-\[\]-~]*)?$"


def _web_address(url: str) -> str:
    """A URL that can be called: of http or https, with a host, without a user or a fragment."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("must be written in printable ASCII characters without spaces")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be http://HOST/PATH or https://HOST/PATH")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("must have no user, no password and no fragment")
    if not re.fullmatch(_WEB_ADDRESS, url):
        raise ValueError("must have a host of letters, digits, dots, dashes and underscores")
    return url


class NewWebhook(Contract):
    """A webhook that is to be: it hears of the comparisons of the key that creates it."""

    url: Annotated[
        str,
        Field(max_length=2000, json_schema_extra={"pattern": _WEB_ADDRESS}),
        AfterValidator(_web_address),
    ]
    """Where the notices go."""
    states: Annotated[tuple[ComparisonState, ...], Field(max_length=len(ComparisonState))] = ()
    """The states of which it hears; all of them by default."""


class WebhookView(Contract):
    """A webhook and how its deliveries go."""

    id: str
    url: str
    states: tuple[ComparisonState, ...]
    owner: str
    created_at: datetime
    waiting: int
    """Notices that are still to be delivered."""
    delivered: int
    given_up: int
    """Notices that nobody took, however often they were sent."""
    last_at: datetime | None
    """When a notice was last sent."""
    last_status: int | None
    """The status that was answered then; None where there was no answer."""
    last_error: str
    """Why it was not delivered; empty where it was."""


class CreatedWebhook(WebhookView):
    """A new webhook with the secret by which its notices are signed: it is shown this once."""

    secret: Annotated[str, Field(repr=False)]


class Notice(Contract):
    """The body of a delivery: a comparison came to another state."""

    comparison_id: str
    name: str
    state: ComparisonState
    change: ChangeEvent
