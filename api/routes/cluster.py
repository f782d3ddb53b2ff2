"""The cluster: its machines, what runs on them and what waits for them."""

from fastapi import APIRouter

from api.deps import ServiceDep, Viewer
from api.reference import problems
from service.contracts.cluster import ClusterView

router = APIRouter(prefix="/v1", tags=["cluster"])


@router.get("/workers", responses=problems())
def workers(_: Viewer, service: ServiceDep) -> ClusterView:
    """The machines with what is free on them, as last measured, and the queue with its reasons."""
    return service.cluster.view()
