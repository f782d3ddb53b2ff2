"""Markdown."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as documents have it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(value: float, digits: int = 1) -> str:
    """``4.2 %``."""
    return f"{100 * value:.{digits}f} %"
