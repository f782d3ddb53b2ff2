"""A comparison's report and data as files, asked of the service from Python."""

from urllib.parse import quote

from api.client.transport import Transport
from service.contracts.forms import ReportForm


class Files:
    """What of a comparison can be taken away."""

    def __init__(self, http: Transport) -> None:
        self._http = http

    def report(self, comparison_id: str, form: ReportForm) -> bytes:
        """The report in that form."""
        path = f"/v1/comparisons/{quote(comparison_id, safe='')}/report"
        return self._http.request("GET", path, query={"format": form}).content
