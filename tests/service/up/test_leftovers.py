"""Leftovers of a killed instance end; processes that only share a number do not."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.up import leftovers

pytestmark = pytest.mark.process

WITH_CHILD = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def process() -> Iterator[psutil.Process]:
    child = subprocess.Popen([sys.executable, "-c", WITH_CHILD], start_new_session=True)
    found = psutil.Process(child.pid)
    deadline = time.monotonic() + 20
    while not found.children() and time.monotonic() < deadline:
        time.sleep(0.02)
    yield found
    for one in leftovers.family([child.pid]):
        one.kill()
    child.wait()


def test_what_was_left_ends_with_all_below_it(process: psutil.Process, tmp_path: Path) -> None:
    record = tmp_path / "processes.json"
    leftovers.remember(record, [process])
    below = process.children()
    assert len(below) == 1
    assert leftovers.end_leftovers(record) == 2
    assert not process.is_running()
    assert not below[0].is_running()
    assert not record.exists()


def test_a_process_that_only_has_the_number_is_left_alone(
    process: psutil.Process, tmp_path: Path
) -> None:
    record = tmp_path / "processes.json"
    other = {"pid": process.pid, "started": process.create_time() - 10}
    record.write_text(json.dumps([other, {"pid": 2**22 + 1, "started": 1.0}]))
    assert leftovers.end_leftovers(record) == 0
    assert process.is_running()


@pytest.mark.parametrize("content", ["", "[{", '[{"pid": 1}]', "null"])
def test_a_record_that_was_cut_short_ends_nothing(tmp_path: Path, content: str) -> None:
    record = tmp_path / "processes.json"
    record.write_text(content)
    assert leftovers.end_leftovers(record) == 0
    assert leftovers.end_leftovers(record) == 0


def test_a_process_that_does_not_listen_is_ended_all_the_same() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            process = psutil.Process(child.pid)
            leftovers.end([process], grace=0.5)
            assert not process.is_running()
            assert process.wait(5) == -signal.SIGKILL
        finally:
            child.kill()
