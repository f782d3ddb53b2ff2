"""A text by its characters: one that comes with Python, or the user's own.

The text is ``text/input.txt`` of the data directory where there is one, in UTF-8; otherwise
Python's own reference, as ``help("topics")`` shows it. Many of its topics repeat passages of
others, so each paragraph is kept once: what was trained on would be no measure of anything.
"""

import ast
import importlib.util
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workers.data.dataset import Arrays, DataSet, Layout
from workers.data.errors import DataMissing

OWN_TEXT = "text/input.txt"
_PARTS = {"train": 0.9, "validation": 0.05, "test": 0.05}
"""The text's beginning, what follows, and its end."""
_MOST_CHARACTERS = 256


def python_text() -> DataSet:
    """The text's data set: codes are places in ``vocabulary``, which holds Unicode's numbers."""
    return DataSet(
        name="python-text",
        title=f"the text of {OWN_TEXT}, or Python's own reference",
        version=1,
        installed=lambda folder: [_text_file(folder)],
        made=True,
        read=_read,
        layout={
            **{part: Layout("uint8", (None,)) for part in _PARTS},
            "vocabulary": Layout("uint32", (None,)),
        },
    )


def _text_file(folder: Path) -> Path:
    own = folder / OWN_TEXT
    return own if own.is_file() else _reference_file()


def _reference_file() -> Path:
    """Python's reference, found without being loaded.

    Raises:
        DataMissing: Where this Python comes without it.
    """
    found = importlib.util.find_spec("pydoc_data")
    for folder in (found.submodule_search_locations or ()) if found else ():
        path = Path(folder) / "topics.py"
        if path.is_file():
            return path
    raise DataMissing(f"this Python comes without pydoc_data: put a text at {OWN_TEXT}")


def _read(files: Sequence[Path]) -> Arrays:
    (path,) = files
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataMissing(f"{path} is not text in UTF-8: {error}") from error
    return encode(reference_text(content) if path.suffix == ".py" else content, where=str(path))


def reference_text(module: str) -> str:
    """The paragraphs of Python's reference, each once, in the order of the topics' names.

    Args:
        module: The source of ``pydoc_data.topics``, which assigns one dictionary of texts.
    """
    (assignment,) = (node for node in ast.parse(module).body if isinstance(node, ast.Assign))
    topics: dict[str, str] = ast.literal_eval(assignment.value)
    paragraphs = (
        part.strip("\n") for name in sorted(topics) for part in topics[name].split("\n\n")
    )
    return "\n\n".join(dict.fromkeys(part for part in paragraphs if part))


def encode(text: str, *, where: str) -> Arrays:
    """The parts of a text as places in its vocabulary, and the vocabulary, in Unicode's order.

    Raises:
        DataMissing: Where the text is too short for three parts, or has too many characters.
    """
    numbers = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    vocabulary, codes = np.unique(numbers, return_inverse=True)
    if len(vocabulary) > _MOST_CHARACTERS:
        found = len(vocabulary)
        raise DataMissing(f"{where} has {found} different characters, at most 256 can be used")
    ends = np.cumsum([0, *_PARTS.values()]) * len(codes)
    parts: dict[str, npt.NDArray[np.uint8]] = {
        part: codes[begin:end].astype(np.uint8)
        for part, (begin, end) in zip(_PARTS, pairwise(ends.round().astype(int)), strict=True)
    }
    if any(len(part) == 0 for part in parts.values()):
        raise DataMissing(f"{where} is too short: {len(codes)} characters")
    return {**parts, "vocabulary": vocabulary}
