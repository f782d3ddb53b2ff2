"""Lines of text or JSON with the ids of what they are about, as the settings say."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from service import log
from service.log import about
from service.settings import Settings


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_of_json_has_its_time_its_level_and_the_ids(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log.set_up(Settings(log_format="json"))
    with about(comparison_id="abc"), about(study_id="abc-s0"):
        logging.getLogger("service.dispatch").warning("%s was lost", "it", extra={"status": 7})
    logging.getLogger("service.dispatch").info("another")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {
        "level": "WARNING",
        "logger": "service.dispatch",
        "message": "it was lost",
        "comparison_id": "abc",
        "study_id": "abc-s0",
        "status": 7,
    }
    assert "comparison_id" not in second


def test_a_failure_in_json_is_one_line_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(Settings(log_format="json"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("service").exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: two\nlines" in json.loads(line)["exc_info"]


def test_a_line_of_text_ends_with_the_ids(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(Settings())
    with about(comparison_id="abc"):
        logging.getLogger("service").info("moved on")
    assert capsys.readouterr().err.endswith("INFO moved on comparison_id=abc\n")


def test_the_level_is_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(Settings(log_level="error"))
    logging.getLogger("service").warning("not so bad")
    assert capsys.readouterr().err == ""
