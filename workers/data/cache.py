"""Arrays made ready: written once a node, then mapped by every process."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from workers.data.dataset import Arrays
from workers.data.errors import DataMissing
from workers.data.lock import alone
from workers.data.notes import Notes
from workers.data.room import check_room
from workers.data.source import Checksum


@dataclass(frozen=True)
class Cache:
    """A folder of prepared arrays, one folder a key."""

    folder: Path

    def open(self, key: str, names: Iterable[str]) -> Arrays | None:
        """The arrays of this key, mapped and read-only; None where there are none yet.

        Args:
            key: What they were prepared as.
            names: Of the arrays.

        Raises:
            DataMissing: Where a file is damaged.
        """
        prepared = self.folder / key
        if not prepared.is_dir():
            return None
        try:
            found = {name: np.load(prepared / f"{name}.npy", mmap_mode="r") for name in names}
        except (OSError, ValueError, EOFError) as error:
            raise DataMissing(f"{prepared} is damaged ({error}): remove it") from error
        return MappingProxyType(found)

    def prepare(self, key: str, make: Callable[[], Arrays]) -> None:
        """Write the arrays of this key, if nobody else has meanwhile; all of them or none.

        Raises:
            DataMissing: Where the arrays cannot be made or written.
        """
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            with alone(self.folder / f"{key}.lock"):
                if not (self.folder / key).is_dir():
                    self._write(key, make())

    def _write(self, key: str, arrays: Arrays) -> None:
        fresh = self.folder / f"{key}.new"
        shutil.rmtree(fresh, ignore_errors=True)  # left behind by a process that was killed
        check_room(self.folder, sum(array.nbytes for array in arrays.values()))
        try:
            fresh.mkdir()
            for name, array in arrays.items():
                with (fresh / f"{name}.npy").open("wb") as file:
                    np.save(file, array)
                    file.flush()
                    os.fsync(file.fileno())
            fresh.rename(self.folder / key)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise

    def checksum(self, path: Path, *, algorithm: str) -> Checksum:
        """The checksum of a file, worked out again only where its size or its time has changed.

        Raises:
            DataMissing: Where it cannot be read, or the checksum not be noted.
        """
        notes = Notes(self.folder / "checksums")
        try:
            found = notes.find(path, algorithm) or Checksum.of(path, algorithm=algorithm)
        except OSError as error:
            raise DataMissing(f"{path} cannot be read: {error.strerror}") from error
        with self._writing():
            notes.keep(path, found)
        return found

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise DataMissing(
                f"cannot write to {self.folder} (KBFGS_DATA_CACHE): {reason}"
            ) from error
