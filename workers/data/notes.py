"""Notes of the checksums of files, so that large ones are read once and not by every process."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from workers.data.source import Checksum


@dataclass(frozen=True)
class Notes:
    """A folder of notes, one a file; a note holds for the file's size and time of change alone."""

    folder: Path

    def find(self, path: Path, algorithm: str) -> Checksum | None:
        """The checksum that was noted of the file as it is now.

        Raises:
            OSError: Where the file is not there.
        """
        try:
            note = json.loads(self._note(path).read_text())
        except (FileNotFoundError, ValueError):
            return None
        if note.get("state") != _state(path) or note.get("algorithm") != algorithm:
            return None
        return Checksum(algorithm, note["digits"])

    def keep(self, path: Path, checksum: Checksum) -> None:
        """Note the checksum of the file as it is now, in one step.

        Raises:
            OSError: Where it cannot be written.
        """
        if self.find(path, checksum.algorithm) == checksum:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        note, fresh = self._note(path), self.folder / f"{uuid4().hex}.new"
        content = {
            "state": _state(path),
            "algorithm": checksum.algorithm,
            "digits": checksum.digits,
        }
        fresh.write_text(json.dumps(content))
        fresh.replace(note)

    def _note(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"


def _state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
