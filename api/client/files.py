"""A comparison's report and data as files, asked of the service from Python."""

import re
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import httpx

from api.client.transport import Transport
from service.contracts.forms import DataForm, DataTable, ReportForm, data_kind

_NAME = re.compile(r'filename="([a-z0-9][a-z0-9.-]*)"')


class Files:
    """What of a comparison can be taken away."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def report(self, comparison_id: str, form: ReportForm) -> bytes:
        """The report in that form."""
        path = f"{_path(comparison_id)}/report"
        return self._http.request("GET", path, query={"format": form}).content

    def data(
        self, comparison_id: str, form: DataForm, to: BinaryIO, *, table: DataTable | None = None
    ) -> str:
        """Write trials and curves in that form into an open file while they come.

        Args:
            comparison_id: Whose they are.
            form: The form.
            to: Where to write, from its beginning.
            table: One table alone, of CSV and Parquet; both come as a zip.

        Returns:
            How the service calls the file.
        """
        query = {"format": form, "table": table}
        answer = self._http.download(f"{_path(comparison_id)}/export", to, query)
        return _name(answer) or f"{comparison_id}.{data_kind(form, table).suffix}"

    def save(
        self,
        comparison_id: str,
        form: DataForm,
        path: Path | None = None,
        *,
        table: DataTable | None = None,
    ) -> Path:
        """Write trials and curves in that form to a file; where it breaks off, none is left.

        Args:
            comparison_id: Whose they are.
            form: The form.
            path: The file; in this folder and as the service calls it by default.
            table: One table alone, of CSV and Parquet.

        Raises:
            OSError: Where it cannot be written.
        """
        folder = Path() if path is None else path.parent
        unfinished = folder / f".{path.name if path else comparison_id}.part"
        try:
            with unfinished.open("wb") as file:
                name = self.data(comparison_id, form, file, table=table)
            return unfinished.replace(path or folder / name)
        finally:
            unfinished.unlink(missing_ok=True)


def _path(comparison_id: str) -> str:
    return f"/v1/comparisons/{quote(comparison_id, safe='')}"


def _name(answer: httpx.Response) -> str | None:
    """How the service calls the file; a name that could lie elsewhere is none."""
    found = _NAME.search(answer.headers.get("Content-Disposition", ""))
    return found[1] if found else None
