"""The pages and the parts of them that are rendered again while a comparison runs."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from api.dashboard import standing
from api.dashboard.agreement import compare
from api.dashboard.cluster import cluster, cluster_part
from api.dashboard.keys import keys, keys_part
from api.dashboard.listing import Listed
from api.dashboard.reader import Reader, Reading
from api.dashboard.rendering import render
from api.deps import FEW_AT_ONCE
from api.errors import NEW_LINK, message_page
from service.contracts.states import ComparisonState, TrialState
from service.domain.errors import NotFound, ServiceError, Unauthenticated


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
    made.add_api_route("/compare", compare, dependencies=[FEW_AT_ONCE])
    made.add_api_route("/cluster", cluster)
    made.add_api_route("/parts/cluster", cluster_part)
    made.add_api_route("/keys", keys)
    made.add_api_route("/parts/keys", keys_part)
    return made


def comparisons(request: Request, reading: Reading, listed: Listed) -> HTMLResponse:
    """The list of comparisons."""
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
