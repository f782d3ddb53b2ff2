"""How the whole service stands, for those who watch over it."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.ports import Clock, Units
from service.domain.standing import Standing


@dataclass(frozen=True, slots=True)
class Measured:
    """How all stands at a moment.

    Attributes:
        at: The moment.
        standing: Counts, and the oldest of those that wait.
        snapshot_at: When the dispatcher last looked at the cluster; None where it never did.
        reachable: Whether the cluster answered then.
    """

    at: datetime
    standing: Standing
    snapshot_at: datetime | None
    reachable: bool

    def age(self, moment: datetime | None) -> float:
        """Seconds since a moment; 0 where there is none."""
        return max((self.at - moment).total_seconds(), 0.0) if moment else 0.0


@dataclass(frozen=True, slots=True)
class Watch:
    """What may be asked of all rows at once."""

    units: Units
    clock: Clock

    def measure(self) -> Measured:
        """How all stands now."""
        with self.units.read() as unit:
            standing = unit.standing.now()
            capacity = unit.cluster.get()
        return Measured(
            at=self.clock.now(),
            standing=standing,
            snapshot_at=capacity.at if capacity else None,
            reachable=capacity is not None and capacity.reachable,
        )
