"""What comes out of a comparison: trials, curves, the report and live events."""

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from api import lists
from api.deps import FeedDep, ServiceDep, Viewer, get_limits, listening
from api.etags import TaggedRoute
from api.headers import REPORT_POLICY, named
from api.reference import problems
from service.contracts.forms import ReportForm
from service.contracts.report import Report
from service.contracts.states import StudyKind
from service.contracts.views import ChangeEvent, ComparisonView, Series, TrialView
from service.domain.ordering import Order, arranged

router = APIRouter(
    prefix="/v1/comparisons/{comparison_id}", tags=["results"], route_class=TaggedRoute
)

Kind = Annotated[StudyKind | None, Query(description="Tuning or finals alone.")]
OneContender = Annotated[str | None, Query(description="One contender alone.")]
LARGEST_NUMBER = 2**31 - 1
_TEXT = {"schema": {"type": "string"}}
After = Annotated[
    int, Query(ge=0, le=LARGEST_NUMBER, description="Changes above this number alone.")
]


TRIALS_BY = (
    "best_loss",
    "contender",
    "ended_at",
    "epochs_done",
    "final_loss",
    "problem",
    "seed",
    "started_at",
    "state",
    "training_seconds",
    "worker_seconds",
)


@router.get(
    "/trials",
    response_model=lists.many_of(TrialView),
    responses=problems(404),
)
def trials(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    order: Annotated[Order, Depends(lists.sort_by(TRIALS_BY, otherwise="they stand by number"))],
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(TrialView))],
    kind: Kind = None,
    contender: OneContender = None,
) -> Response:
    """The trials of a comparison by number, or as `sort` says; what lacks a figure comes last."""
    found = service.trials.of(comparison_id, kind=kind, contender=contender)
    return lists.answer_many(TrialView, arranged(found, order), fields)


@router.get(
    "/metrics",
    response_model=lists.many_of(Series),
    responses=problems(404),
)
def metrics(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(Series))],
    kind: Kind = None,
    contender: OneContender = None,
    trial: Annotated[list[str] | None, Query(description="These trials alone.")] = None,
    points: Annotated[
        int | None,
        Query(ge=2, le=100_000, description="Points of a curve at most; extremes are kept."),
    ] = None,
) -> Response:
    """The curves of a comparison's trials."""
    found = service.trials.series(
        comparison_id, kind=kind, contender=contender, trial_ids=trial, points=points
    )
    return lists.answer_many(Series, found, fields)


async def _form(
    request: Request,
    actor: Viewer,
    form: Annotated[
        ReportForm,
        Query(
            alias="format",
            description="`html` is one self-contained page, `latex` tables by booktabs, `markdown` "
            "for a pull request; `svg` and `pdf` are the curves of the finals.",
        ),
    ] = ReportForm.JSON,
) -> AsyncIterator[ReportForm]:
    """The form asked for; one that is drawn is among the exports that a key may have under way.

    Raises:
        TooManyRequests: Where all of them are.
    """
    with get_limits(request).exports.one(actor.key_id) if form.is_drawn else nullcontext():
        yield form


@router.get(
    "/report",
    response_model=Report,
    responses={
        200: {"content": {form.media_type: _TEXT for form in ReportForm if form != "json"}},
        **problems(404),
    },
)
def report(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    form: Annotated[ReportForm, Depends(_form)],
) -> Response:
    """The verdict; interim while runs are missing."""
    if form is ReportForm.JSON:
        return JSONResponse(service.reports.report(comparison_id).model_dump(mode="json"))
    name, content = service.reports.file(comparison_id, form)
    headers = named(name, shown=form is ReportForm.HTML)
    if form in (ReportForm.HTML, ReportForm.SVG):
        headers["Content-Security-Policy"] = REPORT_POLICY
    return Response(content, media_type=form.media_type, headers=headers)


@router.get(
    "/changes",
    response_model=tuple[ChangeEvent, ...],
    responses=problems(404),
)
def changes(
    _: Viewer,
    service: ServiceDep,
    comparison_id: str,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Changes at most.")] = 100,
) -> Response:
    """What changed so far, by number: the events of a page that does not stay open."""
    found = service.comparisons.changes(comparison_id, after=after, limit=limit)
    return lists.answer_many(ChangeEvent, found, None)


def _known(_: Viewer, service: ServiceDep, comparison_id: str) -> ComparisonView:
    return service.comparisons.get(comparison_id)


@router.get(
    "/events",
    response_class=StreamingResponse,
    dependencies=[Depends(listening)],
    responses={
        200: {
            "description": "Server-sent events: `change` with a ChangeEvent, whose number is the "
            "event's id, and `points` with a PointsAnnouncement.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(404),
    },
)
async def events(
    comparison: Annotated[ComparisonView, Depends(_known)],
    feed: FeedDep,
    after: After = 0,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=LARGEST_NUMBER, description="As `after`; a browser sends it by itself."),
    ] = None,
) -> StreamingResponse:
    """What changes, as it changes; each trial's latest step is told at least once."""
    start = after if last_event_id is None else last_event_id
    return StreamingResponse(
        feed.stream(comparison.id, after=start),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
