"""What a process prints is kept up to a bound, whoever prints it, and the end of what is more."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from service.contracts.logs import TRIAL_BYTES
from tests.support.ray_head import ROOT
from workers.capture import TAIL_BYTES

pytestmark = pytest.mark.process


def run(body: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A process that captures its output in ``folder/out`` while it runs the body."""
    program = f"""
import ctypes, os, subprocess, sys, time
from pathlib import Path
from workers.capture import Capture
print("before")
capture = Capture(Path({str(folder)!r}) / "out")
{textwrap.dedent(body)}
capture.close()
print("after")
"""
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_python_c_and_children_are_kept_in_their_order(tmp_path: Path) -> None:
    ran = run(
        """
        print("python")
        sys.stdout.flush()
        ctypes.CDLL(None).puts(b"a C library")
        ctypes.CDLL(None).fflush(None)
        subprocess.run(["echo", "a child"], check=True)
        print("an error", file=sys.stderr)
        """,
        tmp_path,
    )
    assert ran.stdout == "before\nafter\n", ran.stderr
    kept = (tmp_path / "out.log").read_text()
    assert kept == "python\na C library\na child\nan error\n"
    assert not (tmp_path / "out.end").exists()


def test_a_killed_process_has_told_all(tmp_path: Path) -> None:
    run("print('last words', flush=True); os.kill(os.getpid(), 9)", tmp_path)
    assert (tmp_path / "out.log").read_text() == "last words\n"


def test_a_flood_is_cut_to_its_bound_counted_and_its_end_kept(tmp_path: Path) -> None:
    ran = run(
        """
        line = b"x" * 1023 + b"\\n"
        for _ in range(100):
            os.write(1, line * 1000)
        print("how it ended")
        """,
        tmp_path,
    )
    assert ran.stdout.endswith("after\n"), ran.stderr
    assert (tmp_path / "out.log").stat().st_size == TRIAL_BYTES
    end = (tmp_path / "out.end").read_text()
    dropped = int(end.split("[at least ")[1].split(" bytes")[0].replace(",", ""))
    printed = 100 * 1000 * 1024
    assert printed / 2 < dropped <= printed
    assert end.endswith("how it ended\n")
    assert len(end) < TAIL_BYTES + 100


def test_where_nothing_can_be_written_output_goes_where_it_went(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = run("print('still here')", tmp_path / "file")
    assert ran.stdout == "before\nstill here\nafter\n"
    assert "the output is not kept" in ran.stderr
    assert os.listdir(tmp_path) == ["file"]
