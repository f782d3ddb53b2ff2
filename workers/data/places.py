"""Where data sets lie: the variables KBFGS_DATA, KBFGS_DATA_CACHE and KBFGS_OFFLINE."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workers.data.errors import DataMissing

DEFAULT_HOME = "~/.kbfgs"
_SWITCH = {"": False, "0": False, "false": False, "1": True, "true": True}


@dataclass(frozen=True)
class Places:
    """The folders of a machine.

    Attributes:
        data: Published files, as they are published; may be read-only where nothing is missing.
        cache: Arrays made ready to be mapped; can be removed at any time.
        offline: Whether nothing may be fetched.
    """

    data: Path
    cache: Path
    offline: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Places":
        """What the variables say; both folders lie in KBFGS_HOME by default.

        Raises:
            DataMissing: Where KBFGS_OFFLINE is neither on nor off.
        """
        home = _folder(environment.get("KBFGS_HOME") or DEFAULT_HOME)
        offline = environment.get("KBFGS_OFFLINE", "").lower()
        if offline not in _SWITCH:
            raise DataMissing(f"KBFGS_OFFLINE must be 1 or 0, got {offline!r}")
        return cls(
            data=_folder(environment.get("KBFGS_DATA") or home / "data"),
            cache=_folder(environment.get("KBFGS_DATA_CACHE") or home / "cache"),
            offline=_SWITCH[offline],
        )

    @property
    def can_fetch(self) -> bool:
        """Whether files may be fetched and could be written; no mirror is asked."""
        there = next(folder for folder in (self.data, *self.data.parents) if folder.exists())
        return not self.offline and os.access(there, os.W_OK)


def _folder(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()
