"""What a trial took beside its time: seconds by phase, bytes that were sent, peak memory."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from service.contracts.base import Contract

Seconds = Annotated[float, Field(ge=0, le=1e12)]
Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class Phase(StrEnum):
    """What an optimizer's time goes into, in the same words for every optimizer.

    One that does not tell its phases has its passes, and all the rest as its update.
    """

    WARM_START = "warm_start"
    FIRST_PASS = "first_pass"
    """The first forward and backward of each step; under DDP the gradients travel meanwhile."""
    SECOND_PASS = "second_pass"
    """All further ones: of K-BFGS's curvature, K-FAC's sampled targets, a line search."""
    STATISTICS = "statistics"
    """Means over the mini-batch: A, and K-FAC's G."""
    FACTOR_UPDATE = "factor_update"
    """K-BFGS's H_a and H_g, K-FAC's inverses."""
    PRECONDITIONING = "preconditioning"
    """The direction and the step along it."""
    COMMUNICATION = "communication"
    """Messages for curvature, waiting for other ranks included."""
    UPDATE = "update"

    @property
    def words(self) -> str:
        """The phase as people read it."""
        return _WORDS.get(self, self.value.replace("_", " "))


_WORDS = {Phase.FIRST_PASS: "forward and backward"}


class Usage(Contract):
    """What a trial took over all of its attempts, up to its last checkpoint or its end.

    Of several ranks the seconds and bytes are the first one's, and memory is the most that any
    of them took.
    """

    phases: Annotated[dict[Phase, Seconds], Field(default_factory=dict)]
    """Training seconds by phase; what is between the phases belongs to none."""
    gradient_bytes: Bytes = 0
    """Bytes of the gradients that DDP summed over the ranks: those of all weights, each time."""
    curvature_bytes: Bytes = 0
    """Bytes that a rank gave into sums over the ranks for curvature."""
    peak_memory_bytes: Bytes | None = None
    """The most main memory of the trial's process, with all that the process keeps for the next
    trial; None where the system does not say."""
    peak_device_memory_bytes: Bytes | None = None
    """The most memory that tensors took on the GPU; None without one."""
