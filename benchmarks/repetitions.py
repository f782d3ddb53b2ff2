"""Repetitions of an experiment as lines of JSON: what was done stays, what is missing follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def append(one: Any, path: Path) -> None:
    """Add a repetition, a dataclass of plain values and tuples."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(one)) + "\n")


def read(path: Path, kind: type[T]) -> Iterator[T]:
    """The repetitions so far; none where there is no file yet."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        yield kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()})
