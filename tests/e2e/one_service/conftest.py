"""One service with its cluster for all files here: each leaves nothing of it running."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.footprint import Footprint
from tests.support.running_service import RunningService, running_service


@pytest.fixture(scope="package")
def footprint() -> Iterator[Footprint]:
    """Of a service whose folder for temporary files is its own; short, for Ray's sockets."""
    with (
        tempfile.TemporaryDirectory(prefix="kt") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        with running_service() as started:
            yield Footprint(started, Path(folder))


@pytest.fixture(scope="package")
def service(footprint: Footprint) -> RunningService:
    """The service itself."""
    return footprint.service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, as long as one file is at work."""
    with chromium() as started:
        yield started
