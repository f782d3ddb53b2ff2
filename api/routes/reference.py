"""The API's own description."""

from typing import Any

from fastapi import APIRouter, Request

from api.deps import Viewer
from api.etags import TaggedRoute
from api.reference import problems

router = APIRouter(prefix="/v1", tags=["reference"], route_class=TaggedRoute)


@router.get("/openapi.json", responses=problems())
def describe(request: Request, _: Viewer) -> dict[str, Any]:
    """This document."""
    document: dict[str, Any] = request.app.openapi()
    return document
