"""The forms in which a report and its data are taken away, and how their files are called."""

import re
from enum import StrEnum

_LONGEST_NAME = 60
_MEDIA_TYPES = {
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "latex": "text/x-tex",
    "markdown": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
}
_SUFFIXES = {"latex": "tex", "markdown": "md"}


class ReportForm(StrEnum):
    """A form of a report."""

    JSON = "json"
    HTML = "html"
    MARKDOWN = "markdown"
    LATEX = "latex"
    SVG = "svg"
    """The curves of the finals alone, as is the next."""
    PDF = "pdf"

    @property
    def media_type(self) -> str:
        """As in ``Content-Type``."""
        return _MEDIA_TYPES[self]

    @property
    def suffix(self) -> str:
        """How its files end."""
        return _SUFFIXES.get(self, self.value)

    @property
    def is_text(self) -> bool:
        """Whether it is text in UTF-8."""
        return self is not ReportForm.PDF


def file_name(name: str, comparison_id: str, suffix: str) -> str:
    """``k-bfgs-against-adam-kq3vxe7a2m.pdf``: letters, digits and dashes, whatever the name is."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")
    return f"{words}-{comparison_id}.{suffix}".lstrip("-")
