"""A text by its characters: what is encoded can be read again, and no passage stands twice."""

from pathlib import Path

import numpy as np
import pytest

from workers.data import DataMissing
from workers.data.python_text import OWN_TEXT, encode, python_text, reference_text

PARTS = ("train", "validation", "test")


def decode(arrays) -> str:
    codes = np.concatenate([arrays[part] for part in PARTS])
    return "".join(map(chr, arrays["vocabulary"][codes]))


def own_text(folder: Path, content: bytes) -> Path:
    path = folder / OWN_TEXT
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def test_the_parts_together_are_the_text() -> None:
    text = "Grüße, “world” – and 漢字.\n" * 20
    assert decode(encode(text, where="")) == text


def test_the_parts_are_nine_tenths_and_a_twentieth_each() -> None:
    arrays = encode("ab" * 500, where="")
    assert [len(arrays[part]) for part in PARTS] == [900, 50, 50]


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "too short"), ("abcde", "too short"), ("".join(map(chr, range(300))), "300 different")],
)
def test_a_text_that_cannot_be_used_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DataMissing, match=f"here.*{reason}"):
        encode(text, where="here")


def test_pythons_reference_has_each_paragraph_once_by_the_topics_names() -> None:
    module = (
        "# comment\ntopics = {'b': 'two\\n\\n\\nshared\\n', 'a': 'one\\n\\nshared\\n\\nmore'}\n"
    )
    assert reference_text(module) == "one\n\nshared\n\nmore\n\ntwo"


def test_python_brings_a_text_of_a_useful_size(tmp_path: Path) -> None:
    dataset = python_text()
    arrays = dataset.load(dataset.files(tmp_path))
    assert len(arrays["train"]) > 200_000
    assert "Python" in decode(arrays)
    paragraphs = decode(arrays).split("\n\n")
    assert len(paragraphs) == len(set(paragraphs))


def test_the_users_text_goes_before(tmp_path: Path) -> None:
    own_text(tmp_path, b"my own words, again and again\n" * 9)
    dataset = python_text()
    assert decode(dataset.load(dataset.files(tmp_path))).startswith("my own words")


def test_a_text_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = own_text(tmp_path, b"\xff\xfe" * 50)
    dataset = python_text()
    with pytest.raises(DataMissing, match=f"{path} is not text in UTF-8"):
        dataset.load(dataset.files(tmp_path))
