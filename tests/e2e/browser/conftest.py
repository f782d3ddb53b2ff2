"""One browser for all tests of the pages, and a service for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.web_service import WebService, web_service


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebService]:
    """The real service on SQLite, served."""
    with web_service(tmp_path / "home") as started:
        yield started
