"""Whether the web lives, and whether it can work; open, and they say no more than that."""

from fastapi import APIRouter

from api.deps import ServiceDep
from api.schemas.health import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> Health:
    """The process answers."""
    return Health()


@router.get("/readyz")
def ready(service: ServiceDep) -> Health:
    """The database answers, too."""
    service.comparisons.page(limit=1)
    return Health()
