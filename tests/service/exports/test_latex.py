"""The report as LaTeX, read by a parser of LaTeX."""

import re

from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import LatexWalker

from service.contracts.catalogue import built_in
from service.domain.scoring import score
from service.exports.latex import escaped, render_latex
from service.exports.tables import tables_of
from tests.support.comparisons import NOW, WON, a_spec, results, searched
from tests.support.report_readers import plain_latex, tables_in_latex
from tests.support.suites import suite

PRINTED = {
    "”": "''",
    "\N{MODIFIER LETTER CIRCUMFLEX ACCENT}": "^",
    "\N{SMALL TILDE}": "~",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
"""What the parser calls what is printed."""


def test_every_table_is_there_cell_for_cell() -> None:
    report = score(WON, built_in(), now=NOW)
    found = tables_in_latex(render_latex(report))
    shown = [entry.table for entry in tables_of(report.problems[0])]
    assert len(shown) == 3
    assert found == [[list(row) for row in (table.header, *table.rows)] for table in shown]


def test_it_is_balanced_needs_two_packages_and_begins_with_the_sentence() -> None:
    report = score(WON, built_in(), now=NOW)
    text = render_latex(report)
    LatexWalker(text, tolerant_parsing=False).get_latex_nodes()
    assert re.findall(r"usepackage{(\w+)}", text) == ["booktabs", "graphicx"]
    caption, *_ = re.findall(r"\\caption{(.*)}", text)
    assert plain_latex(caption) == report.problems[0].sentence
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(rf"\{rule}") == 3
    labels = re.findall(r"\\label{(.*)}", text)
    assert len(set(labels)) == len(labels) == 3


def test_warnings_stand_below_the_first_table_and_interim_is_said_once() -> None:
    spec = a_spec()
    report = score(results(spec, searched(spec), complete=False), built_in(), now=NOW)
    text = render_latex(report)
    assert r"\caption{Interim (" in text
    assert text.count("Interim") == 1
    first = text[: text.index(r"\end{table}")]
    for warning in (*report.problems[0].warnings, *report.warnings):
        assert escaped(warning) in first


def test_what_concerns_all_problems_stands_once_below_the_first_table() -> None:
    equal = {"kbfgs": [1.0, 1.1], "adam": [1.1, 1.0]}
    notes, plugins = ("extended by ada: 4 seeds",), ("acme-optimizers 1.0",)
    report = score(suite(equal, equal, equal), built_in(), now=NOW)
    text = render_latex(report.model_copy(update={"notes": notes, "plugins": plugins}))
    first = text[: text.index(r"\end{table}")]
    assert report.warnings
    for said in (*notes, *report.warnings, *plugins):
        assert escaped(said) in first
        assert text.count(escaped(said)) == 1


@given(st.text(alphabet=r"ab 1\{}[]#$%&_^~`|<>-–×'.?!τ∞é" + "\t\x1b\u2028", max_size=30))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    written = escaped(f"a{text}b")
    LatexWalker(written, tolerant_parsing=False).get_latex_nodes()
    seen = "".join(c if c.isprintable() else " " for c in f"a{text}b")
    told = LatexNodes2Text(keep_comments=True, strict_latex_spaces=True).latex_to_text(written)
    assert told.translate(str.maketrans(PRINTED)) == " ".join(seen.split())
