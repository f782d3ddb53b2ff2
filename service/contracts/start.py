"""What it took to start a study: from its submission to the first metric, phase by phase."""

from typing import Annotated

from pydantic import Field

from service.contracts import numbers
from service.contracts.base import Contract
from service.contracts.text import Moment

Seconds = Annotated[float, Field(ge=0, le=1e12)]


class StudyStart(Contract):
    """The phases that a driver measures, one after the other."""

    began_at: Moment
    """When its program began."""
    imports_seconds: Seconds
    """Loading Ray and the driver's own modules."""
    assignment_seconds: Seconds
    """Asking the service for the trials."""
    connection_seconds: Seconds
    """Joining the Ray cluster."""
    actor_seconds: Seconds
    """Until the first trial began in its process: Tune, the process itself, loading torch."""
    metric_seconds: Seconds
    """Until the driver had its first metric: data, model, rehearsal, first evaluation."""


class StartView(Contract):
    """The start of a study's latest attempt; the phases follow each other without a gap."""

    waiting_seconds: Seconds
    """In the queue, until the dispatcher submitted it; 0 for a later attempt."""
    job_seconds: Seconds
    """From its submission until the driver's program began: Ray's job and the interpreter."""
    imports_seconds: Seconds
    assignment_seconds: Seconds
    connection_seconds: Seconds
    actor_seconds: Seconds
    metric_seconds: Seconds
    total_seconds: Seconds
    """From its submission to the first metric: everything but the waiting."""

    @property
    def sentence(self) -> str:
        """The phases in words: ``9.3 s: Ray's job 2.1 s, imports 3.0 s, …``."""
        phases = {
            "Ray's job": self.job_seconds,
            "imports": self.imports_seconds,
            "assignment": self.assignment_seconds,
            "connection": self.connection_seconds,
            "first process": self.actor_seconds,
            "first metric": self.metric_seconds,
        }
        told = ", ".join(f"{name} {numbers.duration(spent)}" for name, spent in phases.items())
        return f"{numbers.duration(self.total_seconds)}: {told}"
