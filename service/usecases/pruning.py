"""Lets go of what ended long ago, so that a database does not grow for ever."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.errors import Conflict
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.retention import Weight
from service.usecases.deleting import delete
from service.usecases.keys import CONSOLE


@dataclass(frozen=True, slots=True)
class Pruning:
    """What may be removed, and its removal."""

    units: Units
    clock: Clock

    def older_than(self, days: float) -> tuple[datetime, Weight]:
        """Before when comparisons must have ended, and what those have."""
        moment = self.clock.now() - timedelta(days=days)
        with self.units.read() as unit:
            return moment, unit.retention.weigh(unit.retention.ended_before(moment))

    def forget(self, before: datetime) -> None:
        """Remove the comparisons that ended before a moment, as if someone deleted each."""
        self._each(before, self._delete)

    def forget_logs(self, before: datetime) -> None:
        """Remove the logs of the comparisons that ended before a moment."""
        self._each(before, lambda unit, one: unit.retention.forget_logs(one))

    def _delete(self, unit: UnitOfWork, comparison_id: str) -> None:
        comparison = unit.comparisons.lock(comparison_id)
        if comparison is not None:
            with suppress(Conflict):  # it was extended, or one of its drivers still runs
                delete(unit, comparison, actor=CONSOLE, now=self.clock.now())

    def _each(self, before: datetime, do: Callable[[UnitOfWork, str], None]) -> None:
        """One at a time, so that drivers need not wait long for their turn."""
        with self.units.read() as unit:
            found = unit.retention.ended_before(before)
        for one in found:
            with self.units.write() as unit:
                do(unit, one)
