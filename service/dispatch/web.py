"""Asks the web whether it is there, as a driver would find it."""

from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class HttpWeb:
    """The web, by its open health page."""

    http: httpx.Client

    def alive(self) -> bool:
        """Whether it answers."""
        try:
            return self.http.get("/healthz").is_success
        except httpx.HTTPError:
            return False
