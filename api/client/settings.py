"""Where the client finds the service, and the key with which it asks."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from api.client.errors import NotConfigured

PORTS = range(1, 65536)


@dataclass(frozen=True)
class ClientSettings:
    """An address and a key that can be used as they are.

    Raises:
        NotConfigured: Where one of them cannot.
    """

    url: str
    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if not _is_address(self.url):
            raise NotConfigured(
                f"{self.url!r} is no address of a service; one looks like http://127.0.0.1:8000 "
                f"(KBFGS_URL, or client.json)"
            )
        if not (self.key and self.key.isascii() and self.key.isprintable()):
            raise NotConfigured(
                "the key is empty or holds characters that no key has (KBFGS_KEY, or client.json)"
            )

    @classmethod
    def find(cls, environment: Mapping[str, str]) -> "ClientSettings":
        """``KBFGS_URL`` and ``KBFGS_KEY``, else what a service on this machine left behind.

        A key from the file goes to the address in the same file and to no other.

        Raises:
            NotConfigured: Where there is neither, or what there is cannot be used.
        """
        home = Path(os.path.expanduser(environment.get("KBFGS_HOME") or "~/.kbfgs"))
        left = _left_behind(home / "client.json")
        url = (environment.get("KBFGS_URL") or (left.url if left else "")).rstrip("/")
        if not url:
            raise NotConfigured(
                f"no service is known: set KBFGS_URL and KBFGS_KEY, or start one here with "
                f"`python -m service up` (looked in {home / 'client.json'})"
            )
        key = environment.get("KBFGS_KEY", "")
        if not key and left and left.url == url:
            key = left.key
        if not key:
            raise NotConfigured(f"no key for {url} is known: set KBFGS_KEY")
        return cls(url, key)


def _is_address(url: str) -> bool:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    named = re.fullmatch(rb"[A-Za-z0-9._:-]+", address.raw_host) is not None
    return named and address.scheme in ("http", "https") and (address.port or 1) in PORTS


def _left_behind(path: Path) -> ClientSettings | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return ClientSettings(str(document["url"]).rstrip("/"), str(document["key"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotConfigured(f"{path} cannot be read: {error!r}") from error
