"""A comparison's trials and curves as a file."""

from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.deps import FEW_AT_ONCE, ServiceDep, Viewer
from api.errors import InvalidRequest
from api.etags import KEPT, TaggedRoute, has
from api.headers import named
from api.reference import problems
from service.contracts.errors import FieldError
from service.contracts.export import Export
from service.contracts.forms import DataForm, DataTable

router = APIRouter(
    prefix="/v1/comparisons/{comparison_id}", tags=["results"], route_class=TaggedRoute
)
_FILE = {"schema": {"type": "string", "format": "binary"}}
_TYPES = ("text/csv", "application/zip", "application/vnd.apache.parquet")


@router.get(
    "/export",
    response_model=Export,
    dependencies=[FEW_AT_ONCE],
    responses={200: {"content": dict.fromkeys(_TYPES, _FILE)}, **problems(404)},
)
def export(
    _: Viewer,
    request: Request,
    service: ServiceDep,
    comparison_id: str,
    form: Annotated[
        DataForm,
        Query(
            alias="format",
            description="`csv` and `parquet` have two tables and come as a zip, or one alone by "
            "`table`; `tensorboard` is a zip with a run directory for each trial.",
        ),
    ] = DataForm.CSV,
    table: Annotated[
        DataTable | None, Query(description="This table alone, of `csv` and `parquet`.")
    ] = None,
) -> Response:
    """Every trial with its settings and every point of its curve, as a file to take away.

    Of a comparison that runs each trial is as it was when its part of the file was read.
    """
    if table is not None and not form.has_tables:
        having = tuple(one.value for one in DataForm if one.has_tables)
        message = f"{form} has no tables; leave it out, or ask for another format"
        raise InvalidRequest([FieldError(field="format", message=message, allowed=having)])
    file = service.exports.data(comparison_id, form, table)
    tag = f'W/"{file.stamp}"'
    headers = {**KEPT, "ETag": tag, **named(file.name)}
    if has(request, tag):
        return Response(status_code=304, headers=headers)
    first = next(file.pieces)  # what fails at once is a problem document, not a broken file
    return StreamingResponse(
        chain((first,), file.pieces), media_type=file.media_type, headers=headers
    )
