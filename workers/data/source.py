"""A published file: where it lies, where it can be had, and how it is known."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from workers.data.errors import DataMissing


@dataclass(frozen=True)
class Checksum:
    """What a file's bytes must come to.

    Attributes:
        algorithm: As :mod:`hashlib` names it.
        digits: Hexadecimal.
    """

    algorithm: str
    digits: str

    @classmethod
    def of(cls, path: Path, *, algorithm: str = "sha256") -> "Checksum":
        """That of a file.

        Raises:
            OSError: Where it cannot be read.
        """
        with path.open("rb") as file:
            return cls(algorithm, hashlib.file_digest(file, algorithm).hexdigest())

    def __str__(self) -> str:
        """Algorithm and digits."""
        return f"{self.algorithm} {self.digits}"


def sha256(digits: str) -> Checksum:
    """A checksum by SHA-256."""
    return Checksum("sha256", digits)


@dataclass(frozen=True, kw_only=True)
class Source:
    """A published file.

    Attributes:
        path: Where it lies below the data directory, with forward slashes.
        mirrors: Whole addresses, the best first.
        checksum: As published; None where none is.
        resaved: Whether copies that were saved anew are as good, because the reader checks what
            they hold; what comes from a mirror must have the checksum all the same.
    """

    path: str
    mirrors: tuple[str, ...]
    checksum: Checksum | None = None
    resaved: bool = False

    def within(self, folder: Path) -> Path:
        """Where it lies in this data directory."""
        return folder / self.path

    def record(self, folder: Path) -> Path:
        """Where its SHA-256 is written down when it is fetched, if none is published."""
        return folder / f"{self.path}.sha256"

    def expected(self, folder: Path) -> Checksum | None:
        """What the file in this data directory must come to, published or written down.

        Raises:
            DataMissing: Where what was written down cannot be read.
        """
        if self.checksum is not None:
            return None if self.resaved else self.checksum
        record = self.record(folder)
        try:
            return sha256(record.read_text().partition(" ")[0]) if record.is_file() else None
        except OSError as error:
            raise DataMissing(f"{record} cannot be read: {error.strerror}") from error
