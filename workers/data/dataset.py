"""What a data set is: files where it comes from, and the arrays that are read from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workers.data.errors import DataMissing
from workers.data.source import Source

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Layout:
    """What an array must be.

    Attributes:
        dtype: The name of its type.
        shape: Its lengths; None where any length will do.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def fits(self, array: npt.NDArray[Any]) -> bool:
        """Whether the array is so."""
        return (
            array.dtype == np.dtype(self.dtype)
            and array.ndim == len(self.shape)
            and all(
                want in (None, have) for want, have in zip(self.shape, array.shape, strict=True)
            )
        )

    def __str__(self) -> str:
        """Type and shape, as in ``uint8 (60000, 28, 28)``."""
        lengths = ", ".join("any" if length is None else str(length) for length in self.shape)
        return f"{self.dtype} ({lengths})"


def layout_of(array: npt.NDArray[Any]) -> Layout:
    """The layout that an array has."""
    return Layout(array.dtype.name, array.shape)


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set by its name.

    Attributes:
        name: What it is asked for by.
        title: What it is, in a line.
        version: Raised when other arrays come of the same files.
        layout: Its arrays.
        read: Makes the arrays of the files.
        sources: The published files that it is made of, in the order in which they are read.
        installed: Gives the files where they come with something that is installed, instead of
            sources; it gets the data directory.
        made: Whether the arrays are made here, other than what the sources hold.
    """

    name: str
    title: str
    version: int
    layout: Mapping[str, Layout]
    read: Callable[[Sequence[Path]], Arrays]
    sources: tuple[Source, ...] = ()
    installed: Callable[[Path], Sequence[Path]] | None = None
    made: bool = False

    def files(self, folder: Path) -> tuple[Path, ...]:
        """The files that it is read from, whether they are there or not.

        Args:
            folder: The data directory.

        Raises:
            DataMissing: Where the package that they come with is not installed.
        """
        if self.installed is not None:
            return tuple(self.installed(folder))
        return tuple(source.within(folder) for source in self.sources)

    def load(self, files: Sequence[Path]) -> Arrays:
        """The arrays of these files, in memory.

        Raises:
            DataMissing: Where a file holds something else.
        """
        where = ", ".join(map(str, files)) or self.name
        try:
            found = self.read(files)
        except OSError as error:
            raise DataMissing(f"{where} cannot be read: {error.strerror or error}") from error
        self.check(found, where=where)
        return found

    def check(self, arrays: Arrays, *, where: str) -> None:
        """Make sure that arrays are what the data set promises.

        Raises:
            DataMissing: Naming the first that differs.
        """
        for name, layout in self.layout.items():
            if name not in arrays:
                raise DataMissing(f"{where} holds no {name}")
            if not layout.fits(arrays[name]):
                found = layout_of(arrays[name])
                raise DataMissing(f"{where}: {name} should be {layout}, found {found}")
