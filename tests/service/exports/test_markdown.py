"""The report as Markdown, read by a parser of Markdown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.domain.scoring import score
from service.exports.markdown import escaped, render_markdown
from service.exports.tables import tables_of
from tests.support.comparisons import NOW, WON, a_spec, reaching, results, searched
from tests.support.report_readers import blocks_in_markdown, tables_in_markdown, words_of_markdown


def test_the_sentence_then_the_warnings_then_every_table_cell_for_cell() -> None:
    report = score(WON, built_in(), now=NOW)
    text = render_markdown(report)
    assert words_of_markdown(text).startswith(report.problems[0].sentence)
    assert blocks_in_markdown(text)[:3] == ["paragraph", "blockquote", "table"]
    assert report.problems[0].warnings[0] in words_of_markdown(text)
    shown = [entry.table for entry in tables_of(report.problems[0])]
    assert tables_in_markdown(text) == [
        [list(row) for row in (table.header, *table.rows)] for table in shown
    ]


def test_an_interim_report_says_so_once() -> None:
    spec = a_spec()
    report = score(results(spec, searched(spec), complete=False), built_in(), now=NOW)
    text = render_markdown(report)
    assert text.startswith("**Interim (")
    assert text.lower().count("interim") == 1


def test_a_name_notifies_nobody_and_is_no_markup() -> None:
    spec = a_spec(name="<b>@ada</b> #7 | [x](http://y) $a$ `c`")
    text = render_markdown(score(reaching(spec, {}), built_in(), now=NOW))
    last = text.splitlines()[-1]
    assert "@ada" not in last
    assert "#7" not in last
    assert spec.name in words_of_markdown(text)


@given(st.text(alphabet=r"ab 1\`*_[]<>|~$#@&-–×.!" + "\t", max_size=30))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    seen = " ".join(f"a{text}b".split())
    assert words_of_markdown(escaped(f"a{text}b")) == seen
    assert tables_in_markdown(f"| {escaped(f'a{text}b')} |\n| --- |\n") == [[[seen]]]


@pytest.mark.parametrize("text", ["a\nb", "a\r\n\r\nb", "a\u2028b"])
def test_what_is_several_lines_becomes_one(text: str) -> None:
    assert escaped(text) == "a b"
