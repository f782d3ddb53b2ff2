"""The catalogue: what there is to compare, and comparisons that are ready."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from api import lists
from api.deps import ServiceDep, Viewer
from api.etags import TaggedRoute
from api.reference import problems
from service.contracts.catalogue import OptimizerEntry, ProblemEntry
from service.contracts.templates import TemplateView

router = APIRouter(prefix="/v1", tags=["catalogue"], route_class=TaggedRoute)


@router.get(
    "/problems",
    response_model=lists.many_of(ProblemEntry),
    responses=problems(),
)
def list_problems(
    _: Viewer,
    service: ServiceDep,
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(ProblemEntry))],
) -> Response:
    """Every problem that a comparison can name."""
    return lists.answer_many(ProblemEntry, service.catalogue.problems, fields)


@router.get(
    "/optimizers",
    response_model=lists.many_of(OptimizerEntry),
    responses=problems(),
)
def list_optimizers(
    _: Viewer,
    service: ServiceDep,
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(OptimizerEntry))],
) -> Response:
    """Every optimizer with its settings, their bounds and its default space."""
    return lists.answer_many(OptimizerEntry, service.catalogue.optimizers, fields)


@router.get(
    "/templates",
    response_model=lists.many_of(TemplateView),
    responses=problems(),
)
def list_templates(
    _: Viewer,
    service: ServiceDep,
    fields: Annotated[lists.Fields | None, Depends(lists.fields_of(TemplateView))],
) -> Response:
    """Comparisons that are ready to be submitted, or to be changed first; the cheapest first."""
    return lists.answer_many(TemplateView, service.templates.all, fields)
