"""The pages and the parts of them that are rendered again while a comparison runs."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from api.dashboard import standing
from api.dashboard.cluster import cluster, cluster_part
from api.dashboard.keys import keys, keys_part
from api.dashboard.reader import Reader, Reading
from api.dashboard.rendering import render
from api.errors import NEW_LINK, message_page
from service.contracts.states import ComparisonState, TrialState
from service.contracts.views import ComparisonView
from service.domain.comparison_rows import Wanted
from service.domain.errors import NotFound, ServiceError, Unauthenticated

PAGE_SIZE = 50
LONGEST_SCAN = 20
"""Pages that a search for a text reads before it shows what it has and where to go on."""


class PageRoute(APIRoute):
    """A route whose refusals are pages too, in words and with a way on."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with refusals rendered as pages."""
        handle = super().get_route_handler()

        async def handle_or_explain(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                return _refusal(request, error)

        return handle_or_explain


def router() -> APIRouter:
    """The pages' routes; `assets.mount_static` serves what they load."""
    made = APIRouter(
        route_class=PageRoute, include_in_schema=False, default_response_class=HTMLResponse
    )
    made.add_api_route("/", comparisons)
    made.add_api_route("/parts/comparisons", comparisons_part)
    made.add_api_route("/comparisons/{comparison_id}", comparison)
    made.add_api_route("/parts/comparisons/{comparison_id}", comparison_parts)
    made.add_api_route("/cluster", cluster)
    made.add_api_route("/parts/cluster", cluster_part)
    made.add_api_route("/keys", keys)
    made.add_api_route("/parts/keys", keys_part)
    return made


def listed(
    reading: Reading, state: str = "", q: str = "", tag: str = "", cursor: str = ""
) -> dict[str, Any]:
    """What the list shows of the comparisons that were asked for."""
    chosen = ComparisonState(state) if state in set(ComparisonState) else None
    wanted = Wanted(states=(chosen,) if chosen else (), tags=(tag,) if tag else ())
    found, following = _search(reading, wanted, q.strip().lower(), cursor or None)
    filters = {"state": chosen or "", "q": q, "tag": tag}
    return {
        **filters,
        "items": found,
        "cursor": cursor,
        "first_href": _href(filters),
        "next_href": _href({**filters, "cursor": following}) if following else "",
    }


Listed = Annotated[dict[str, Any], Depends(listed)]


def comparisons(request: Request, reading: Reading, listed: Listed) -> HTMLResponse:
    """The list of comparisons, newest first."""
    return render(
        request,
        "comparisons.html",
        csrf=reading.csrf,
        states=[choice.value for choice in ComparisonState],
        **listed,
    )


def comparisons_part(request: Request, listed: Listed) -> HTMLResponse:
    """The table alone, for the page to bring itself up to date."""
    return render(request, "_list.html", **listed)


def comparison(request: Request, reading: Reading, comparison_id: str) -> HTMLResponse:
    """One comparison: verdict, progress, curves, report, trials and spec."""
    return render(
        request,
        "comparison.html",
        csrf=reading.csrf,
        trial_states=[choice.value for choice in TrialState],
        **_standing(reading, comparison_id),
    )


def comparison_parts(request: Request, reading: Reading, comparison_id: str) -> HTMLResponse:
    """What changes on a comparison's page while it runs, curves and trials apart."""
    return render(request, "_parts.html", **_standing(reading, comparison_id))


def _standing(reading: Reader, comparison_id: str) -> dict[str, Any]:
    view = reading.service.comparisons.get(comparison_id)
    studies = reading.service.comparisons.studies(comparison_id)
    return {
        "view": view,
        "may_cancel": reading.may_submit,
        "report": reading.service.reports.report(comparison_id),
        "activity": standing.activity(view, studies),
        "latest_start": standing.latest_start(studies),
    }


def _search(
    reading: Reader, wanted: Wanted, text: str, cursor: str | None
) -> tuple[list[ComparisonView], str | None]:
    """A page's worth of comparisons with that text, and where the next page begins."""
    found: list[ComparisonView] = []
    for _ in range(LONGEST_SCAN):
        page = reading.service.comparisons.page(limit=PAGE_SIZE, cursor=cursor, wanted=wanted)
        found += [view for view in page.items if text in _words(view)]
        cursor = page.next_cursor
        if cursor is None or len(found) >= PAGE_SIZE:
            break
    return found, cursor


def _words(view: ComparisonView) -> str:
    return " ".join(
        (view.id, view.name, *view.problems, *view.tags, *(one.name for one in view.contenders))
    ).lower()


def _href(query: Mapping[str, str]) -> str:
    kept = {name: value for name, value in query.items() if value}
    return "/?" + urlencode(kept) if kept else "/"


def _refusal(request: Request, error: ServiceError) -> Response:
    match error:
        case Unauthenticated():
            title = "Please log in"
            detail = (
                "This page needs the one-time link that the service prints when it starts. "
                + NEW_LINK
            )
        case NotFound():
            title = "There is no such comparison"
            detail = f"{str(error).rstrip('.')}. It may have been deleted, or the address mistyped."
        case _:
            title, detail = error.title, str(error)
    return message_page(request, status=error.status, title=title, detail=detail)
