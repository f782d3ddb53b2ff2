"""Fetches published files into the data directory, each whole and checked or not at all."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from workers.data.download import Broken, NotBrought, download, forget, size_of
from workers.data.errors import DataMissing
from workers.data.lock import alone
from workers.data.source import Checksum, Source

_FRUITLESS = 4
"""Attempts that bring nothing more until an address is given up."""
_PATIENCE = httpx.Timeout(30.0, connect=10.0)


class NotFetched(Exception):
    """A file could not be fetched; the text says why."""


class Watcher(Protocol):
    """Sees what is fetched."""

    def waiting(self, name: str) -> None:
        """Another process fetches the file."""
        ...

    def progress(self, name: str, done: int, total: int | None) -> None:
        """So many bytes of the file are there."""
        ...


def http_client() -> httpx.Client:
    """A client for published files; proxies of the environment count."""
    return httpx.Client(follow_redirects=True, timeout=_PATIENCE)


@dataclass(frozen=True)
class Fetcher:
    """Fetches into a data directory.

    Attributes:
        http: The client.
        folder: The data directory.
        watcher: Sees what happens.
        pause: Seconds after a transfer that broke off.
    """

    http: httpx.Client
    folder: Path
    watcher: Watcher
    pause: float = 2.0

    def fetch(self, source: Source, *, check: Callable[[Path], object]) -> None:
        """Fetch a file that is missing; where another process does so, wait for it.

        Args:
            source: The file.
            check: Reads a file of which no checksum is published, and raises
                :class:`DataMissing` where it holds something else.

        Raises:
            NotFetched: Where no mirror gives it, or it cannot be written.
        """
        path = source.within(self.folder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(f".{path.name}.lock")
            with alone(lock, waiting=lambda: self.watcher.waiting(path.name)):
                if not path.is_file():
                    self._from_mirrors(source, path, check)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NotFetched(f"cannot write to {path.parent}: {reason}") from error

    def _from_mirrors(self, source: Source, path: Path, check: Callable[[Path], object]) -> None:
        part = path.with_name(f"{path.name}.part")
        reasons = []
        for url in source.mirrors:
            try:
                self._bring(source, url, part)
                self._accept(source, part, check)
            except NotBrought as error:
                reasons.append(f"{url}: {error}")
            else:
                part.replace(path)
                forget(part)
                return
        raise NotFetched("; ".join(reasons))

    def _bring(self, source: Source, url: str, part: Path) -> None:
        """The file of this address, in as many attempts as it takes while more of it comes."""

        def tell(done: int, total: int | None) -> None:
            self.watcher.progress(part.stem, done, total)

        joinable, fruitless = source.checksum is not None, 0
        while True:
            begun = size_of(part)
            try:
                download(self.http, url, part, joinable=joinable, tell=tell)
            except Broken:
                fruitless += size_of(part) <= begun
                if fruitless >= _FRUITLESS:
                    raise
                time.sleep(self.pause)
                continue
            found = _mismatch(source, part)
            if found is None:
                return
            forget(part)
            fruitless += 1
            if not begun or fruitless >= _FRUITLESS:  # else parts of two files may have been joined
                raise NotBrought(f"what it sent has {found}, not {source.checksum}")

    def _accept(self, source: Source, part: Path, check: Callable[[Path], object]) -> None:
        """Make sure of a file without a checksum, and write its own down."""
        if source.checksum is not None:
            return
        try:
            check(part)
        except DataMissing as error:
            forget(part)
            raise NotBrought(f"what it sent is not the file: {error}") from error
        record, fresh = source.record(self.folder), part.with_name(f"{part.name}.sha256")
        fresh.write_text(f"{Checksum.of(part).digits}  {part.stem}\n")  # as sha256sum -c reads it
        fresh.replace(record)


def _mismatch(source: Source, part: Path) -> Checksum | None:
    """The checksum of a file that should have another."""
    if source.checksum is None:
        return None
    found = Checksum.of(part, algorithm=source.checksum.algorithm)
    return None if found == source.checksum else found
