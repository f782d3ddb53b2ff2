"""Looks through everything that is there of a data set, however long it takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.data.dataset import Arrays, layout_of
from workers.data.errors import DataMissing
from workers.data.shelf import Library
from workers.data.source import Checksum, Source


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        good: Whether it is as it should be.
        text: A line.
    """

    good: bool
    text: str


def verify(library: Library, name: str) -> Iterator[Finding]:
    """Check the files' checksums, what is read from them, and what was made ready earlier.

    Raises:
        UnknownDataSet: Where there is no such data set.
    """
    dataset, folder = library.dataset(name), library.places.data
    for source in dataset.sources:
        yield _file(source, folder)
    if not all(source.within(folder).is_file() for source in dataset.sources):
        return
    try:
        found = dataset.load(dataset.files(folder))
        for part, array in found.items():
            yield Finding(True, f"{part}: {layout_of(array)}")
        prepared = library.prepared(name)
    except DataMissing as error:
        yield Finding(False, str(error))
        return
    if prepared is not None:
        yield _same(prepared, found)


def _file(source: Source, folder: Path) -> Finding:
    path = source.within(folder)
    if not path.is_file():
        return Finding(False, f"{path} is missing")
    try:
        want = source.expected(folder)
        found = Checksum.of(path, algorithm=want.algorithm if want else "sha256")
    except OSError as error:
        return Finding(False, f"{path} cannot be read: {error.strerror}")
    except DataMissing as error:
        return Finding(False, str(error))
    match want:
        case None if source.resaved:
            how = "as published" if found == source.checksum else "copies differ, see below"
        case None:
            how = "none is published"
        case _ if found == want:
            how = "as published" if source.checksum else "as when it was fetched"
        case _:
            return Finding(False, f"{path}: {found}, not {want}")
    return Finding(True, f"{path}: {found} ({how})")


def _same(prepared: Arrays, found: Arrays) -> Finding:
    wrong = [name for name, array in found.items() if not np.array_equal(prepared[name], array)]
    if wrong:
        folder = getattr(prepared[wrong[0]], "filename", "the cache")
        return Finding(False, f"{folder} is damaged: remove its folder")
    return Finding(True, "what was made ready earlier is the same")
