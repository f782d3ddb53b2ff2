"""One browser for all tests of a file, and a service for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.web_service import WebService, web_service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; as long as it is open its event loop runs in this thread, which others need too."""
    with chromium() as started:
        yield started


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebService]:
    """The real service on SQLite, served."""
    with web_service(tmp_path / "home") as started:
        yield started
