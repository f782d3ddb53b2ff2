"""The API reference is made from the docstrings, without complaint."""

import subprocess
import sys
from pathlib import Path

import pytest

import kbfgs


@pytest.mark.process
def test_every_public_name_stands_in_the_reference(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pdoc", "kbfgs", "-d", "google", "-o", str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    page = (tmp_path / "kbfgs.html").read_text()
    assert not [name for name in kbfgs.__all__ if f'<section id="{name}">' not in page]
    assert 'id="KBFGS.step"' in page
