"""Every program in docs/training.md runs, and trains."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    heading.strip(): code
    for heading, code in re.findall(
        r"^## ([^\n]*)\n.*?```python\n(.*?)```",
        (ROOT / "docs/training.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
}
# Outputs of zero have a loss of about 0.89 for tanh targets, 0.43 for sin, 1.61 for classes.
REACHED = {
    "A plain loop": 0.6,
    "Accumulation, clipping, saving": 0.8,
    "With torch.compile": 0.3,
    "With bfloat16 autocast": 0.3,
    "With float16 and a gradient scaler": 0.3,
    "On a part of the batch": 0.5,
    "K-FAC": 0.5,
    "With DistributedDataParallel": 0.3,
    "In Lightning": 0.6,
}
ALONE = [
    pytest.param(
        heading,
        marks=pytest.mark.dist if "DistributedDataParallel" in heading else pytest.mark.process,
    )
    for heading in PROGRAMS
]


# Where a gloo thread lets go of a tensor while the interpreter shuts down, the process aborts with
# "terminate called without an active exception": torch's, after a rank's last line, and rare.
LEAVE = "\nimport os, sys; sys.stdout.flush(); os._exit(0)\n"


def run(heading: str, folder: Path) -> str:
    program = folder / "train.py"
    several = "DistributedDataParallel" in heading
    program.write_text(PROGRAMS[heading] + (LEAVE if several else ""))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    finished = subprocess.run(
        [sys.executable, *(launcher if several else []), str(program)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.parametrize("heading", ALONE)
def test_the_program_runs_and_ends_below_the_loss_of_an_untrained_model(
    heading: str, tmp_path: Path
) -> None:
    printed = run(heading, tmp_path)
    losses = [float(number) for number in re.findall(r"\d\.\d{3,}", printed)]
    assert losses, printed
    assert losses[-1] < REACHED[heading]


def test_there_is_a_program_for_each_way_of_training() -> None:
    assert list(PROGRAMS) == list(REACHED)
