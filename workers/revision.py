"""The git revision of the code that trains."""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "KBFGS_REVISION"
"""Says it where there is no checkout, as in an image."""
_DESCRIBE = ("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")
_PATIENCE_SECONDS = 10.0


def revision_of(folder: Path, environment: Mapping[str, str]) -> str:
    """The revision of a checkout, with ``-dirty`` where its files differ from it.

    Args:
        folder: The checkout's top.
        environment: Whose word counts, where it has one.

    Returns:
        Empty where the folder is no checkout, or git is not there.
    """
    if told := environment.get(VARIABLE):
        return told
    if not (folder / ".git").exists():
        return ""
    try:
        asked = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *_DESCRIBE],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip()


@cache
def own_revision() -> str:
    """That of this process's code, as it was when it was first asked for."""
    return revision_of(ROOT, os.environ)
