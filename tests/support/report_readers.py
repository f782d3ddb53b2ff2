"""Reads reports back by parsers of their formats: tables as rows of text, header first."""

import re
from html import unescape
from html.parser import HTMLParser

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pylatexenc.latex2text import LatexNodes2Text

Rows = list[list[str]]

_MARKDOWN = MarkdownIt("commonmark").enable("table")


def plain_latex(text: str) -> str:
    """What a reader of the printed text sees."""
    return LatexNodes2Text(strict_latex_spaces=True).latex_to_text(text).strip()


def tables_in_latex(text: str) -> list[Rows]:
    """The tabulars of a document."""
    bodies = re.findall(r"\\begin{tabular}{[^\n]*}\n(.*?)\\end{tabular}", text, re.DOTALL)
    return [
        [
            [plain_latex(cell) for cell in re.split(r"(?<!\\)&", line.removesuffix(r"\\"))]
            for line in map(str.strip, body.splitlines())
            if line.endswith(r"\\")
        ]
        for body in bodies
    ]


def tables_in_markdown(text: str) -> list[Rows]:
    """The tables of a document."""
    tables: list[Rows] = []
    in_cell = False
    for token in _MARKDOWN.parse(text):
        match token.type:
            case "table_open":
                tables.append([])
            case "tr_open":
                tables[-1].append([])
            case "th_open" | "td_open":
                tables[-1][-1].append("")
                in_cell = True
            case "th_close" | "td_close":
                in_cell = False
            case "inline" if in_cell:
                tables[-1][-1][-1] = _words(token)
            case _:
                pass
    return tables


def blocks_in_markdown(text: str) -> list[str]:
    """What a document consists of: ``paragraph``, ``table``, ``blockquote``."""
    return [
        token.type.removesuffix("_open")
        for token in _MARKDOWN.parse(text)
        if token.level == 0 and token.nesting == 1
    ]


def words_of_markdown(text: str) -> str:
    """All that a reader sees, paragraphs apart by a space."""
    return " ".join(_words(token) for token in _MARKDOWN.parse(text) if token.type == "inline")


def _words(token: Token) -> str:
    """An inline's text; tags are markup, and comments are not shown."""
    return "".join(
        " " if child.type == "softbreak" else unescape(child.content)
        for child in token.children or ()
        if child.type != "html_inline"
    ).strip()


class _Html(HTMLParser):
    """Collects the tables of a page, the parts of a cell apart by a space."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[Rows] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self.in_cell = self.in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self.in_cell:
            row = self.tables[-1][-1]
            row[-1] = " ".join(f"{row[-1]} {data}".split())


def tables_in_html(text: str) -> list[Rows]:
    """The tables of a page."""
    return _Html(text).tables
