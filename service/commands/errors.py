"""Refusals of the commands, in words for a person."""

from pathlib import Path


class Refused(Exception):
    """The command cannot do what it was asked to; the message says why, a line for each reason."""


def cannot_read(path: Path, error: Exception) -> Refused:
    """That a file cannot be read, and why."""
    return Refused(f"cannot read {path}: {reason(error)}")


def cannot_write(path: Path, error: OSError) -> Refused:
    """That a file or folder cannot be written, and why."""
    return Refused(f"cannot write {path}: {reason(error)}")


def reason(error: Exception) -> str:
    """Why something failed, without the class and the number of the error."""
    match error:
        case FileNotFoundError():
            return "no such file"
        case OSError(strerror=str() as said):
            return said[:1].lower() + said[1:]
        case UnicodeDecodeError():
            return "it is not text in UTF-8"
        case _:
            return str(error)


def in_words(error: Exception) -> str:
    """What to tell the person at the terminal of an expected refusal."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {reason(error)}"
    return reason(error)
