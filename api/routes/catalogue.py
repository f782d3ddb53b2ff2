"""The catalogue: what there is to compare."""

from fastapi import APIRouter

from api.deps import ServiceDep, Viewer
from api.reference import problems
from service.contracts.catalogue import OptimizerEntry, ProblemEntry

router = APIRouter(prefix="/v1", tags=["catalogue"])


@router.get("/problems", responses=problems())
def list_problems(_: Viewer, service: ServiceDep) -> tuple[ProblemEntry, ...]:
    """Every problem that a comparison can name."""
    return service.catalogue.problems


@router.get("/optimizers", responses=problems())
def list_optimizers(_: Viewer, service: ServiceDep) -> tuple[OptimizerEntry, ...]:
    """Every optimizer with its settings, their bounds and its default space."""
    return service.catalogue.optimizers
