"""How much a key may use: comparisons at once, and worker-seconds in a month."""

from dataclasses import dataclass
from datetime import datetime

from service.contracts.access import AskerView, QuotaView
from service.domain.errors import QuotaExceeded
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Actor, KeyRecord


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may use that has no limits of its own; None is no limit."""

    comparisons: int | None = None
    worker_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Quotas:
    """What keys may use, and what they have used."""

    units: Units
    clock: Clock
    allowance: Allowance

    def asker(self, actor: Actor) -> AskerView:
        """Whoever asks, with what they have used."""
        with self.units.read() as unit:
            comparisons, worker_seconds = self._of(unit, actor.key_id)
        return AskerView(
            key_id=actor.key_id,
            name=actor.name,
            role=actor.role,
            comparisons=comparisons,
            worker_seconds=worker_seconds,
        )

    def check(self, unit: UnitOfWork, actor: Actor) -> None:
        """Let nobody queue more than their key may.

        Raises:
            QuotaExceeded: With what is used, the limit, and until when.
        """
        unit.spending.hold(actor.key_id)
        comparisons, worker_seconds = self._of(unit, actor.key_id)
        if _is_used_up(comparisons):
            raise QuotaExceeded(
                f"{comparisons.used:.0f} comparisons of the key {actor.name!r} have not ended, and "
                f"it may have {comparisons.limit:.0f}: wait for one, or cancel one",
                comparisons,
            )
        if _is_used_up(worker_seconds):
            raise QuotaExceeded(
                f"the key {actor.name!r} has used {worker_seconds.used:,.0f} of the "
                f"{worker_seconds.limit:,.0f} worker-seconds that it has until "
                f"{worker_seconds.until:%Y-%m-%d} UTC",
                worker_seconds,
            )

    def _of(self, unit: UnitOfWork, key_id: str) -> tuple[QuotaView, QuotaView]:
        begin, end = month_of(self.clock.now())
        allowed = self._allowed(unit.keys.get(key_id))
        return (
            QuotaView(used=unit.spending.comparisons(key_id), limit=allowed.comparisons),
            QuotaView(
                used=unit.spending.worker_seconds(key_id, since=begin),
                limit=allowed.worker_seconds,
                until=end,
            ),
        )

    def _allowed(self, key: KeyRecord | None) -> Allowance:
        """A key's own limits, and the service's for what it has none of."""
        if key is None:
            return self.allowance
        comparisons, worker_seconds = key.most_comparisons, key.most_worker_seconds
        return Allowance(
            self.allowance.comparisons if comparisons is None else comparisons,
            self.allowance.worker_seconds if worker_seconds is None else worker_seconds,
        )


def _is_used_up(quota: QuotaView) -> bool:
    return quota.limit is not None and quota.used >= quota.limit


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """The beginning and the end of the month."""
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    later = begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)
    return begin, later
