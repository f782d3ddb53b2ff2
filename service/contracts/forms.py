"""The forms in which a report and its data are taken away, and how their files are called."""

import re
from dataclasses import dataclass
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

    @property
    def is_drawn(self) -> bool:
        """Whether it has figures, which take a while to draw."""
        return self in (ReportForm.HTML, ReportForm.SVG, ReportForm.PDF)


class DataForm(StrEnum):
    """A form of a comparison's trials and their curves."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    TENSORBOARD = "tensorboard"

    @property
    def has_tables(self) -> bool:
        """Whether it is made of tables, of which one may be asked for alone."""
        return self in (DataForm.CSV, DataForm.PARQUET)


class DataTable(StrEnum):
    """A table of a comparison's data."""

    TRIALS = "trials"
    POINTS = "points"


@dataclass(frozen=True)
class FileKind:
    """What a file is."""

    suffix: str
    media_type: str


def data_kind(form: DataForm, table: DataTable | None) -> FileKind:
    """What the file is that has that form: several files come as a zip."""
    if form is DataForm.JSON or table is not None:
        ending = form.value if table is None else f"{table}.{form}"
        return FileKind(ending, _MEDIA_TYPES[form])
    return FileKind(f"{form}.zip", "application/zip")


def file_name(name: str, comparison_id: str, suffix: str) -> str:
    """``k-bfgs-against-adam-kq3vxe7a2m.pdf``: letters, digits and dashes, whatever the name is."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_LONGEST_NAME].strip("-")
    return f"{words}-{comparison_id}.{suffix}".lstrip("-")
