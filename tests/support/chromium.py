"""Chromium for tests of the pages: any error in its console fails the test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) => console.error(
    `content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"""


def executable() -> str:
    """Chromium's path; without one the test is skipped, on CI failed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        reason = f"no Chromium on this machine: none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed after the body."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def watched_page(browser: Browser, *, width: int = 1280, theme: str = "light") -> Iterator[Page]:
    """A page in a session of its own; the body must not make it complain."""
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.type}: {message.text}")

    def threw(error: Error) -> None:
        complaints.append(f"uncaught: {error.message}")

    def failed(request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):
            complaints.append(f"not loaded: {request.url}: {request.failure}")

    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.add_init_script(REPORT_VIOLATIONS)
    page.on("console", heard)
    page.on("pageerror", threw)
    page.on("requestfailed", failed)
    try:
        yield page
    finally:
        context.close()
    assert complaints == []
