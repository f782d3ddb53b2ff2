"""A watched program starts again when it ends, each time after a longer pause."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.up.child import Child, Program

pytestmark = pytest.mark.process


def a_child(folder: Path, code: str, says: list[str], monotonic: Callable[[], float]) -> Child:
    command = (sys.executable, "-c", code)
    program = Program("it", command, dict(os.environ), folder / "it.log", folder)
    return Child(program, says.append, monotonic)


def wait_for_end(child: Child) -> None:
    deadline = time.monotonic() + 20
    while child.pid is not None:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_that_keeps_ending_is_started_ever_more_slowly(tmp_path: Path) -> None:
    says: list[str] = []
    now = 0.0
    child = a_child(tmp_path, "print('hello'); raise SystemExit(3)", says, lambda: now)
    child.start()
    for pause in (0.5, 1.0, 2.0):
        wait_for_end(child)
        child.watch()
        assert f"it ended with code 3; starting it again in {pause:g} s" in says[-1]
        now += pause - 0.1
        child.watch()
        assert child.pid is None
        now += 0.2
        child.watch()
        assert child.pid is not None
    wait_for_end(child)
    assert (tmp_path / "it.log").read_text() == "hello\n" * 4


def test_a_program_that_ran_well_starts_again_soon(tmp_path: Path) -> None:
    says: list[str] = []
    now = 0.0
    child = a_child(tmp_path, "pass", says, lambda: now)
    child.start()
    for _ in range(3):
        wait_for_end(child)
        now += 60
        child.watch()
        assert "in 0.5 s" in says[-1]
        now += 1
        child.watch()
    wait_for_end(child)


def test_ending_a_program_ends_what_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    code = (
        "import subprocess, pathlib, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)"
    )
    child = a_child(tmp_path, code, [], time.monotonic)
    child.start()
    deadline = time.monotonic() + 20
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.end()
    assert child.pid is None
    assert not Path(f"/proc/{mark.read_text()}").exists()
