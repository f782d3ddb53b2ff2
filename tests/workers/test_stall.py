"""A process that makes no step is ended, wherever it hangs, and says where."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ray_head import ROOT
from workers.context import TrialFolder
from workers.stall import WatchedFolder, innermost, where_it_hung

PROGRAM = """
import ctypes, sys, time
from pathlib import Path
from workers.stall import StallGuard
guard = StallGuard(Path(sys.argv[1]) / "c-t0", 0.6)

def hang():
    HANG

for _ in range(10):
    guard.alive()
    time.sleep(0.1)
guard.rest()
time.sleep(0.8)
print("lived", flush=True)
guard.alive()
hang()
"""


@pytest.mark.process
@pytest.mark.parametrize(
    "hang", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"], ids=["python", "with the lock"]
)
def test_what_hangs_is_ended_and_says_where(tmp_path: Path, hang: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("HANG", hang), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=40, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout) == (1, "lived\n"), ran.stderr
    stacks = where_it_hung(tmp_path / "c-t0")
    assert "Timeout" in stacks
    assert "in hang" in innermost(stacks)


@pytest.mark.process
def test_one_that_ends_leaves_nothing(tmp_path: Path) -> None:
    program = PROGRAM.replace("HANG", "guard.close(); guard.close()")
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, timeout=40, check=False
    )
    assert ran.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert where_it_hung(tmp_path / "c-t0") == ""


def test_each_step_is_a_sign_of_life(tmp_path: Path) -> None:
    signs: list[int] = []
    folder = WatchedFolder(tmp_path, lambda: signs.append(1))
    assert not folder.is_cancelled()
    TrialFolder(tmp_path).cancel()
    assert folder.is_cancelled()
    assert len(signs) == 2
