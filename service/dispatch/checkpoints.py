"""The checkpoints of comparisons: a folder each, directly below the storage's, and what is kept."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.domain.ids import is_comparison_id

KEPT = "best"
"""The folder of what stays: ``best/<comparison>/<trial>.pt``."""


@dataclass(frozen=True, slots=True)
class CheckpointFolders:
    """The folder that drivers are told as KBFGS_STORAGE, as the dispatcher sees it."""

    storage: Path

    def comparisons(self) -> tuple[str, ...]:
        """The ids of the comparisons that have a folder; links and other names are passed over.

        Raises:
            OSError: Where the storage is there but cannot be read.
        """
        return _comparisons_in(self.storage)

    def kept(self) -> tuple[str, ...]:
        """The ids of the comparisons of which best checkpoints stay.

        Raises:
            OSError: Where their folder is there but cannot be read.
        """
        return _comparisons_in(self.storage / KEPT)

    def keep_best(self, comparison_id: str, trial_ids: Iterable[str]) -> None:
        """Move the best checkpoints of trials to where they stay; what is not there is passed over.

        Raises:
            OSError: Where one cannot be moved.
        """
        kept = self.storage / KEPT / comparison_id
        for trial_id in trial_ids:
            best = self.storage / comparison_id / trial_id / "best.pt"
            if best.is_file():
                kept.mkdir(parents=True, exist_ok=True)
                best.replace(kept / f"{trial_id}.pt")

    def remove(self, comparison_id: str) -> None:
        """Remove a comparison's folder with all that is in it; one that is gone already is fine.

        Raises:
            OSError: Where something cannot be removed.
        """
        _remove(self.storage, comparison_id)

    def remove_kept(self, comparison_id: str) -> None:
        """Remove the best checkpoints of a comparison that stayed.

        Raises:
            OSError: Where something cannot be removed.
        """
        _remove(self.storage / KEPT, comparison_id)


def _comparisons_in(folder: Path) -> tuple[str, ...]:
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        return ()
    return tuple(
        entry.name
        for entry in entries
        if is_comparison_id(entry.name) and entry.is_dir() and not entry.is_symlink()
    )


def _remove(folder: Path, comparison_id: str) -> None:
    if not is_comparison_id(comparison_id):
        raise ValueError(f"{comparison_id!r} is no comparison's id")
    try:
        shutil.rmtree(folder / comparison_id)
    except FileNotFoundError:
        return
