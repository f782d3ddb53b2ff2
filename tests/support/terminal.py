"""Somebody at a command line, with a key, beside a running service."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from api.client.__main__ import main
from service.domain.records import Role
from tests.support.api_site import SPEC, Site, serving
from tests.support.web_service import WebService


@dataclass(frozen=True)
class Terminal:
    """A command line whose variables name the service and a key."""

    site: Site
    url: str
    output: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command's exit code, its output and its errors."""
        code = main(list(arguments), patience=0.0)
        return code, *self.output.readouterr()

    def command(self, *arguments: str) -> str:
        """What a command that goes well prints."""
        assert main(list(arguments), patience=0.0) == 0
        return self.output.readouterr().out.strip()

    def web(self) -> WebService:
        """The service as the tests' drivers know it."""
        service = self.site.service
        admin = service.keys.authenticate(self.site.keys[Role.ADMIN])
        return WebService(service, self.url, admin)

    def submit(self) -> str:
        """A new comparison's id."""
        view = self.site.asker().post("/v1/comparisons", json=SPEC).json()
        return str(view["id"])


@contextmanager
def terminal_on(
    site: Site, role: Role, *, output: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """A command line with the site's key of that role, while the site is served."""
    with serving(site.service) as url:
        patch.setenv("KBFGS_URL", url)
        patch.setenv("KBFGS_KEY", site.keys[role])
        yield Terminal(site, url, output)
