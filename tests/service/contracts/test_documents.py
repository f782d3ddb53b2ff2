"""The text of a spec, in JSON or YAML."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.documents import DocumentError, read_document

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(-1e9, 1e9)
    | st.text("ab é😀"),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text("ab😀", min_size=1), children, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-2.5E+4", -2.5e4),
        (".5e2", 50.0),
        ("1e5x", "1e5x"),
        ("0.1", 0.1),
        ("10", 10),
        ("true", True),
        ("relative", "relative"),
        ("kbfgs-l", "kbfgs-l"),
    ],
)
def test_numbers_are_those_of_yaml_1_2(text: str, value: object) -> None:
    assert read_document(f"a: [{text}]") == {"a": [value]}


@given(PLAIN)
def test_json_is_read_as_json(value: object) -> None:
    assert read_document(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "line 1"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' is given twice"),
        ("a: &x [1]\nb: *x", "aliases are not allowed"),
        ("a: !!python/object:os.system x", "line 1"),
        ("a: 2024-99-99", "month"),
        ("[" * 600, "nested too deeply"),
        ("\x00", "not allowed"),
        ("a: b: c", "line 1"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text: str, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        read_document(text)
