"""What fails at the storage of the checkpoints, told from what fails in a trial. Loads no torch."""

from collections.abc import Iterator
from contextlib import contextmanager

FAILED = "the storage failed"
"""How it is told."""


class StorageFailed(OSError):
    """The storage refused what was asked of it: it is full, or away. No fault of the trial's."""


@contextmanager
def at_the_storage() -> Iterator[None]:
    """Name what fails within a failure of the storage; a file that is not there is none.

    Raises:
        FileNotFoundError: As it was raised.
        StorageFailed: For any other error of the system.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageFailed(f"{FAILED}: {error}") from error
