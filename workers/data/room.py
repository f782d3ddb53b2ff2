"""Whether a disk has room."""

import errno
import shutil
from pathlib import Path


def check_room(folder: Path, needed: int) -> None:
    """Make sure that so many bytes can be written to a folder.

    Raises:
        OSError: ENOSPC, with what is needed and what is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise OSError(
            errno.ENOSPC, f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
        )
