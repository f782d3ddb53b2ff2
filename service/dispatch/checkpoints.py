"""The checkpoints of comparisons: a folder each, directly below the storage's."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from service.domain.ids import is_comparison_id


@dataclass(frozen=True, slots=True)
class CheckpointFolders:
    """The folder that drivers are told as KBFGS_STORAGE, as the dispatcher sees it."""

    storage: Path

    def comparisons(self) -> tuple[str, ...]:
        """The ids of the comparisons that have a folder; links and other names are passed over.

        Raises:
            OSError: Where the storage is there but cannot be read.
        """
        try:
            entries = sorted(self.storage.iterdir())
        except FileNotFoundError:
            return ()
        return tuple(
            entry.name
            for entry in entries
            if is_comparison_id(entry.name) and entry.is_dir() and not entry.is_symlink()
        )

    def remove(self, comparison_id: str) -> None:
        """Remove a comparison's folder with all that is in it; one that is gone already is fine.

        Raises:
            OSError: Where something cannot be removed.
        """
        if not is_comparison_id(comparison_id):
            raise ValueError(f"{comparison_id!r} is no comparison's id")
        try:
            shutil.rmtree(self.storage / comparison_id)
        except FileNotFoundError:
            return
