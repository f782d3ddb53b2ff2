"""What all figures have: their look, and how they leave as part of a page or as a file."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import Literal

import matplotlib
from matplotlib.figure import Figure

from service.contracts.forms import ReportForm

FigureForm = Literal[ReportForm.SVG, ReportForm.PDF]

PAGES_INK = "#010203"
"""Stands for the page's own text colour, so that figures follow light and dark."""
PAPERS_INK = "#000000"
_ONE_AT_A_TIME = threading.Lock()
"""Matplotlib's settings belong to the process; a web server draws from several threads."""


@contextmanager
def style(*, salt: str, ink: str) -> Iterator[None]:
    """The look of every figure, for one at a time."""
    look = matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": salt,
            "pdf.fonttype": 42,
            "font.family": "sans-serif",
            "font.size": 11,
            "text.color": ink,
            "axes.labelcolor": ink,
            "axes.edgecolor": ink,
            "xtick.color": ink,
            "ytick.color": ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    with _ONE_AT_A_TIME, look:
        yield


def inline(figure: Figure) -> str:
    """The figure as an element that names nothing outside the page."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    return text.replace(PAGES_INK, "currentColor")


def saved(figure: Figure, form: FigureForm) -> bytes:
    """The figure as a file that does not say when it was made."""
    buffer = BytesIO()
    undated = {"Date": None} if form is ReportForm.SVG else {"CreationDate": None}
    figure.savefig(buffer, format=form, facecolor="white", metadata=undated)
    return buffer.getvalue()
