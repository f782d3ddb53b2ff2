"""Whether the web lives, and whether it can work; open, and they say no more than that."""

from fastapi import APIRouter

from api.deps import ServiceDep
from api.reference import refusals
from api.schemas.health import Health

router = APIRouter(tags=["health"])


@router.get("/healthz", responses=refusals(400))
def alive() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz", responses=refusals(400, 503))
def ready(service: ServiceDep) -> Health:
    """The database answers, too."""
    service.comparisons.page(limit=1)
    return Health()
