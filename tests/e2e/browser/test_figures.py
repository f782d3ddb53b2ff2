"""The pages' JavaScript writes figures as Python does."""

import itertools
import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from service.contracts import numbers
from tests.support.chromium import watched_page
from tests.support.number_examples import WRITTEN, Written
from tests.support.web_service import WebService

pytestmark = pytest.mark.browser

WRITE = """async (calls) => {
    const url = document.querySelector("script[type=module]").src;
    const format = await import(new URL("format.js", url).href);
    return calls.map(([name, given]) => format[name](...given));
}"""


def made_up() -> Iterator[Written]:
    """Values of every size, and halves, which are rounded away from zero."""
    draw = random.Random(7)
    values = [draw.choice((1, -1)) * 10 ** draw.uniform(-12, 14) for _ in range(300)]
    values += [float(whole) / 8 for whole in range(-40, 2000, 7)]
    for name, value in itertools.product(("number", "loss", "setting"), values):
        yield Written(name, (value,), getattr(numbers, name)(value))
    for share in (*(draw.random() for _ in range(300)), *(eighth / 800 for eighth in range(801))):
        yield Written("percent", (share,), numbers.percent(share))


def test_javascript_writes_every_figure_as_python_does(browser: Browser, web: WebService) -> None:
    asked = [*WRITTEN, *made_up()]
    with watched_page(browser) as page:
        page.goto(web.login_link())
        written = page.evaluate(WRITE, [[one.function, list(one.given)] for one in asked])
    assert len(written) == len(asked)
    for one, text in zip(asked, written, strict=True):
        assert text == one.text, one
