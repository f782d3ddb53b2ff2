"""A service of its own for each test, or for each module whose tests leave nothing behind."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.domain.records import Role
from tests.support import api_site
from tests.support.api_site import Site
from tests.support.finished import finished
from tests.support.terminal import Terminal, terminal_on


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return api_site.empty_database(tmp_path_factory.mktemp("database"))


@pytest.fixture
def site(tmp_path: Path, empty_database: Path) -> Iterator[Site]:
    with api_site.site(tmp_path / "home", empty_database) as made:
        yield made


@pytest.fixture(scope="module")
def quiet_site(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Site]:
    with api_site.site(tmp_path_factory.mktemp("site") / "home", empty_database) as made:
        yield made


@pytest.fixture(scope="session")
def finished_site(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> Iterator[tuple[Site, str]]:
    """A site with a comparison that ran to its end and has an evil name; to be read alone."""
    with api_site.site(tmp_path_factory.mktemp("finished") / "home", empty_database) as made:
        yield made, finished(made, name='"; filename="evil.exe" \\ <K-BFGS> ünd más')


@pytest.fixture
def terminal(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    """A submitter's."""
    with terminal_on(site, Role.SUBMITTER, output=capsys, patch=monkeypatch) as opened:
        yield opened


@pytest.fixture
def command(terminal: Terminal) -> Callable[..., str]:
    """What a submitter's command prints that goes well."""
    return terminal.command
