"""Gives arrays by the name of their data set, from files to mapped memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.data.cache import Cache
from workers.data.dataset import Arrays, DataSet
from workers.data.errors import DataMissing, UnknownDataSet
from workers.data.places import Places


@dataclass(frozen=True)
class Library:
    """Data sets, and where they lie."""

    sets: Mapping[str, DataSet]
    places: Places

    def dataset(self, name: str) -> DataSet:
        """The data set of this name.

        Raises:
            UnknownDataSet: Where there is none.
        """
        if name not in self.sets:
            raise UnknownDataSet(f"no data set {name!r}; there are {', '.join(self.sets)}")
        return self.sets[name]

    def arrays(self, name: str) -> Arrays:
        """The arrays of a data set, read-only and mapped; made ready where they are not yet.

        Raises:
            UnknownDataSet: Where there is no such data set.
            DataMissing: Where its files cannot be had or are not what they should be.
        """
        dataset = self.dataset(name)
        files = dataset.files(self.places.data)
        missing = [path for path in files if not path.is_file()]
        if missing:
            raise DataMissing(f"{name}: put {missing[0].name} at {missing[0]}")
        cache, key = Cache(self.places.cache), self._key(dataset, files)
        found = cache.open(key, dataset.layout)
        if found is None:
            cache.prepare(key, lambda: dataset.load(files))
            found = cache.open(key, dataset.layout)
            assert found is not None, "prepared arrays are there"
        dataset.check(found, where=str(self.places.cache / key))
        return found

    def _key(self, dataset: DataSet, files: Sequence[Path]) -> str:
        """Name, version and the digest of the files, which are checked on the way."""
        cache, digest = Cache(self.places.cache), hashlib.sha256()
        expected = [source.expected(self.places.data) for source in dataset.sources]
        for path, want in zip(files, expected or [None] * len(files), strict=True):
            found = cache.checksum(path, algorithm=want.algorithm if want else "sha256")
            if want is not None and found != want:
                raise DataMissing(
                    f"{path} is damaged or another file: it has {found}, not {want}; remove it"
                )
            digest.update(str(found).encode())
        return f"{dataset.name}-{dataset.version}-{digest.hexdigest()[:16]}"
