"""How comparisons, studies and trials are called."""

import re
import secrets

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_BASE32 = _LETTERS + "234567"
_LENGTH = 10


def new_comparison_id() -> str:
    """A fresh random id: 10 lower-case base32 characters, the first a letter."""
    rest = (secrets.choice(_BASE32) for _ in range(_LENGTH - 1))
    return secrets.choice(_LETTERS) + "".join(rest)


def is_comparison_id(text: str) -> bool:
    """Whether a text has the form of a comparison's id; such a text is safe as a folder's name."""
    return re.fullmatch(rf"[a-z][a-z2-7]{{{_LENGTH - 1}}}", text) is not None


def study_id(comparison_id: str, number: int) -> str:
    """The id of a comparison's study with this number."""
    return f"{comparison_id}-s{number}"


def comparison_of(trial: str) -> str:
    """The id of the comparison that a trial's id is made of; any other text gives itself."""
    return trial.rpartition("-t")[0] or trial


def trial_id(comparison_id: str, number: int) -> str:
    """The id of a comparison's trial with this number."""
    return f"{comparison_id}-t{number}"
