"""Gives arrays by the name of their data set, from files to mapped memory."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from workers.data.cache import Cache
from workers.data.dataset import Arrays, DataSet
from workers.data.errors import DataMissing, UnknownDataSet
from workers.data.places import Places
from workers.data.source import Source


class State(StrEnum):
    """How a data set can be had."""

    PRESENT = "present"
    MADE_HERE = "made here"
    FETCHABLE = "missing, can be fetched"
    MISSING = "missing"


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

    def state(self, name: str) -> State:
        """How a data set can be had; looks at no file's content and at no mirror.

        Raises:
            UnknownDataSet: Where there is none.
        """
        dataset = self.dataset(name)
        try:
            here = all(path.is_file() for path in dataset.files(self.places.data))
        except DataMissing:
            return State.MISSING
        if here:
            return State.MADE_HERE if dataset.made else State.PRESENT
        return State.FETCHABLE if self.places.can_fetch else State.MISSING

    def arrays(self, name: str) -> Arrays:
        """The arrays of a data set, read-only and mapped.

        Files that are missing are fetched, and the arrays made ready where they are not yet.

        Raises:
            UnknownDataSet: Where there is no such data set.
            DataMissing: Where its files cannot be had or are not what they should be.
        """
        dataset = self.dataset(name)
        self.fetch(name)
        files = dataset.files(self.places.data)
        key = self._key(dataset, files)
        found = self._cache.open(key, dataset.layout)
        if found is None:
            self._cache.prepare(key, lambda: dataset.load(files))
            found = self._cache.open(key, dataset.layout)
            assert found is not None, "what was prepared is there"
        dataset.check(found, where=str(self.places.cache / key))
        return found

    def prepared(self, name: str) -> Arrays | None:
        """The arrays as they were made ready of the files that are there now, if they were.

        Raises:
            DataMissing: Where a file is not there or not what it should be.
        """
        dataset = self.dataset(name)
        key = self._key(dataset, dataset.files(self.places.data))
        return self._cache.open(key, dataset.layout)

    def identity(self, name: str) -> str:
        """A data set by what it is read from: ``name version sha256:digits``.

        Raises:
            UnknownDataSet: Where there is no such data set.
            DataMissing: Where its files are not there or not what they should be.
        """
        dataset = self.dataset(name)
        digits = self._digest(dataset, dataset.files(self.places.data))
        return f"{name} {dataset.version} sha256:{digits}"

    def fetch(self, name: str) -> int:
        """Fetch the files of a data set that are missing.

        Returns:
            How many they were.

        Raises:
            UnknownDataSet: Where there is no such data set.
            DataMissing: Where they cannot be had, with what to put where.
        """
        dataset = self.dataset(name)
        missing = [one for one in dataset.sources if not self._is_here(one)]
        if missing:
            self._fetch(dataset, missing)
        return len(missing)

    def _fetch(self, dataset: DataSet, missing: Sequence[Source]) -> None:
        if self.places.offline:
            raise self._by_hand(dataset, "KBFGS_OFFLINE is set")
        from workers.data.fetch import Fetcher, NotFetched, http_client
        from workers.data.progress import bars

        with http_client() as http, bars() as watcher:
            fetcher = Fetcher(http, self.places.data, watcher)
            try:
                for source in missing:
                    fetcher.fetch(source, check=lambda path: dataset.load([path]))
            except NotFetched as error:
                raise self._by_hand(dataset, str(error)) from error

    def _by_hand(self, dataset: DataSet, reason: str) -> DataMissing:
        """Why a data set cannot be fetched, and what to put where."""
        wanted = (
            f"  {source.mirrors[0]} as {source.within(self.places.data)}"
            for source in dataset.sources
            if not self._is_here(source)
        )
        head = f"{dataset.name} cannot be fetched: {reason}. Bring it by hand:"
        return DataMissing("\n".join((head, *wanted)))

    def _is_here(self, source: Source) -> bool:
        return source.within(self.places.data).is_file()

    @property
    def _cache(self) -> Cache:
        return Cache(self.places.cache)

    def _key(self, dataset: DataSet, files: Sequence[Path]) -> str:
        """Name, version and the digest of the files, which are checked on the way."""
        return f"{dataset.name}-{dataset.version}-{self._digest(dataset, files)[:16]}"

    def _digest(self, dataset: DataSet, files: Sequence[Path]) -> str:
        """SHA-256 over the checksums of the files, once each is what it must be."""
        digest = hashlib.sha256()
        expected = [source.expected(self.places.data) for source in dataset.sources]
        for path, want in zip(files, expected or [None] * len(files), strict=True):
            found = self._cache.checksum(path, algorithm=want.algorithm if want else "sha256")
            if want is not None and found != want:
                raise DataMissing(
                    f"{path} is damaged or another file: it has {found}, not {want}. Remove it."
                )
            digest.update(str(found).encode())
        return digest.hexdigest()
