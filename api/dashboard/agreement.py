"""The page that holds two reports against each other: did an earlier result hold?"""

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.dashboard.reader import Reader, Reading
from api.dashboard.rendering import render
from service.contracts.agreement import TwoReports
from service.domain.spec_differences import spec_differences


def compare(request: Request, reading: Reading, then: str = "", now: str = "") -> HTMLResponse:
    """What the client's ``compare THEN NOW`` says, and what differs in the specs; or the form."""
    then, now = then.strip(), now.strip()
    found = _held(reading, then, now) if then and now else {"found": None}
    return render(request, "compare.html", csrf=reading.csrf, earlier=then, later=now, **found)


def _held(reading: Reader, then: str, now: str) -> dict[str, Any]:
    """Both reports' agreement and both specs' differences.

    Raises:
        NotFound: Where there is no comparison of one of these ids.
    """
    service = reading.service
    before, after = (service.comparisons.get(one).spec for one in (then, now))
    two = TwoReports(then=service.reports.report(then), now=service.reports.report(now))
    return {
        "found": service.reports.agreement(two),
        "differences": spec_differences(before, after, catalogue=service.catalogue),
    }
