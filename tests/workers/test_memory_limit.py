"""A process that takes more memory than it may is ended and says so; one that does not, is not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ray_head import ROOT
from workers.memory_limit import PASSED, MemoryGuard, what_was_too_much

pytestmark = pytest.mark.process

PROGRAM = """
import resource, sys, time
from datetime import datetime, timezone
from pathlib import Path
from service.contracts.events import TrialEnded
from workers.failures import classify
from workers.memory_limit import MemoryGuard

MB = 10**6
guard = MemoryGuard(Path(sys.argv[1]) / "c-t0", 500 * MB, used=len(sys.argv) > 2)

def end(error):
    failure = classify(error)
    return TrialEnded(
        trial_id="c-t0", number=1, at=datetime.now(timezone.utc), outcome="failed",
        failure=failure.kind, message=failure.message, worker_seconds=1.0,
    )

held = []
BODY
print("lived", flush=True)
"""
GROWS = """
while True:
    held.append(bytearray(8 * MB))
    held[-1][::4096] = b"x" * len(held[-1][::4096])
    time.sleep(0.005)
"""
ASKS = """
import torch
try:
    torch.ones(1 << 40)
except RuntimeError as error:
    print("refused", flush=True)
    guard.heard([end(error)])
"""
LACKS_ON_THE_DEVICE = """
import torch
guard.heard([end(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))])
"""
CLOSES = """
before = resource.getrlimit(resource.RLIMIT_DATA)
guard.close()
guard.close()
assert resource.getrlimit(resource.RLIMIT_DATA) != before
held.append(bytearray(600 * MB))
held[-1][::4096] = b"x" * len(held[-1][::4096])
time.sleep(0.2)
"""
STAYS_BELOW = """
held.append(bytearray(100 * MB))
guard.heard([end(ValueError("another failure"))])
time.sleep(0.2)
"""


def run(body: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("BODY", body), str(folder), *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_what_grows_is_ended_soon_after_its_limit_and_says_what_it_has(tmp_path: Path) -> None:
    ran = run(GROWS, tmp_path)
    word = what_was_too_much(tmp_path / "c-t0")
    assert (ran.returncode, ran.stdout) == (1, ""), ran.stderr
    assert word.startswith("it passed its memory limit: it has 5")
    assert word.endswith(" MB of 500 MB (resources.memory)")
    assert word in ran.stderr


def test_in_a_process_that_trained_others_it_is_no_verdict_on_this_trial(tmp_path: Path) -> None:
    ran = run(GROWS, tmp_path, "used")
    word = what_was_too_much(tmp_path / "c-t0")
    assert ran.returncode == 1, ran.stderr
    assert word.startswith("its process still held what earlier trials had left: it has 5")
    assert PASSED not in word


def test_a_word_is_heard_once(tmp_path: Path) -> None:
    (tmp_path / "c-t0.memory").write_text("too much")
    assert what_was_too_much(tmp_path / "c-t0") == "too much"
    assert what_was_too_much(tmp_path / "c-t0") == ""


def test_a_single_allocation_above_the_limit_is_refused_and_the_process_goes(
    tmp_path: Path,
) -> None:
    ran = run(ASKS, tmp_path)
    word = what_was_too_much(tmp_path / "c-t0")
    assert (ran.returncode, ran.stdout) == (1, "refused\n"), ran.stderr
    assert "MB of 500 MB (resources.memory); it asked for more: RuntimeError" in word


@pytest.mark.parametrize(
    "body", [CLOSES, STAYS_BELOW, LACKS_ON_THE_DEVICE], ids=["closed", "below", "device"]
)
def test_one_that_keeps_to_it_or_has_ended_lives(tmp_path: Path, body: str) -> None:
    ran = run(body, tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "lived\n"), ran.stderr
    assert what_was_too_much(tmp_path / "c-t0") == ""


def test_without_a_limit_nothing_is_held(tmp_path: Path) -> None:
    guard = MemoryGuard(tmp_path / "c-t0", None)
    guard.heard([])
    guard.close()
