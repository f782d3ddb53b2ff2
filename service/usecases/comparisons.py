"""Comparisons as people handle them: create and look at."""

import hashlib
import json
from dataclasses import dataclass

from service.contracts.catalogue import Catalogue
from service.contracts.plan import Plan
from service.contracts.states import ComparisonState
from service.contracts.views import (
    ChangeEvent,
    ComparisonPage,
    ComparisonView,
    Preview,
    StudyView,
)
from service.domain import ids, planning, previews
from service.domain.comparison_rows import EVERY, Wanted
from service.domain.errors import IdempotencyMismatch, NotFound
from service.domain.merging import merged
from service.domain.ordering import NEWEST_FIRST, Order, cursor_at, place_at, settled
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Actor, ComparisonRecord
from service.domain.rerunning import read_capsule
from service.domain.rows import RememberedRequest
from service.usecases.ledger import Ledger
from service.usecases.queueing import queue_study
from service.usecases.quotas import Quotas
from service.usecases.views import comparison_views, study_views


@dataclass(frozen=True, slots=True)
class Comparisons:
    """What people may ask of comparisons."""

    units: Units
    catalogue: Catalogue
    clock: Clock
    quotas: Quotas

    def create(
        self, document: object, *, actor: Actor, idempotency_key: str | None = None
    ) -> ComparisonView:
        """Store a comparison as queued; the dispatcher does the rest.

        Args:
            document: The spec, as parsed from JSON or YAML.
            actor: Who asks; the comparison will be theirs.
            idempotency_key: The same word and document again, under the same API key, give the
                same comparison.

        Raises:
            InvalidSpec: Where the spec cannot be run; then nothing is stored.
            IdempotencyMismatch: Where the key was used for another document.
            QuotaExceeded: Where the asker's API key has used up what it may.
        """
        spec = planning.read_spec(document, self.catalogue)
        planned = planning.plan(spec, self.catalogue)
        return self._queue(planned, document, actor=actor, idempotency_key=idempotency_key)

    def rerun(
        self,
        document: object,
        *,
        threads: int | None = None,
        actor: Actor,
        idempotency_key: str | None = None,
    ) -> ComparisonView:
        """Queue what a capsule holds once more: the same points with the same seeds.

        Args:
            document: The capsule, as parsed from JSON.
            threads: Of each rank, in place of those that the capsule says.
            actor: As for `create`.
            idempotency_key: As for `create`.

        Raises:
            InvalidCapsule: Where it cannot be run again here.
            IdempotencyMismatch: Where the key was used for another document.
            QuotaExceeded: Where the asker's API key has used up what it may.
        """
        planned = read_capsule(document, self.catalogue, threads=threads)
        asked = {"capsule": document, "threads": threads}
        return self._queue(planned, asked, actor=actor, idempotency_key=idempotency_key)

    def _queue(
        self, planned: Plan, asked: object, *, actor: Actor, idempotency_key: str | None
    ) -> ComparisonView:
        """Store what is planned, unless the same was asked before under the same word."""
        request = RememberedRequest(_digest(asked), ids.new_comparison_id())
        with self.units.write() as unit:
            if idempotency_key is None or unit.requests.add(
                actor.key_id, idempotency_key, request, at=self.clock.now()
            ):
                self.quotas.check(unit, actor)
                self._store(unit, request.comparison_id, planned, actor)
                return self._view(unit, request.comparison_id)
        return self._created_before(request, actor, idempotency_key)

    def clone(
        self,
        comparison_id: str,
        changes: object,
        *,
        actor: Actor,
        idempotency_key: str | None = None,
    ) -> ComparisonView:
        """Queue the spec of a comparison once more, as one of the asker's own.

        Args:
            comparison_id: Whose spec.
            changes: A JSON merge patch of it; one without fields changes nothing.
            actor: As for `create`.
            idempotency_key: As for `create`.

        Raises:
            NotFound: Where there is no such comparison.
            InvalidSpec: Where the changed spec cannot be run.
            IdempotencyMismatch: Where the key was used for another document.
        """
        with self.units.read() as unit:
            spec = _found(unit, comparison_id).spec
        document = merged(spec.model_dump(mode="json", exclude_none=True), changes)
        return self.create(document, actor=actor, idempotency_key=idempotency_key)

    def preview(self, document: object) -> Preview:
        """What a spec would run.

        Raises:
            InvalidSpec: Where the spec cannot be run.
        """
        return previews.preview(planning.read_spec(document, self.catalogue), self.catalogue)

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str | None = None,
        wanted: Wanted = EVERY,
        order: Order = NEWEST_FIRST,
    ) -> ComparisonPage:
        """Some comparisons.

        Args:
            limit: How many at most.
            cursor: The ``next_cursor`` of the page before, in the same order.
            wanted: Which ones.
            order: By which of `COMPARISONS_BY`; what is alike is sorted by its age.

        Raises:
            NotFound: Where the cursor is none of a page in that order.
        """
        order = settled(order)
        place = None if cursor is None else place_at(cursor, order)
        with self.units.read() as unit:
            found = unit.comparisons.page(limit + 1, after=place, wanted=wanted, order=order)
            records = [record for _, record in found[:limit]]
            views = comparison_views(unit, records, now=self.clock.now())
        more = len(found) > limit
        return ComparisonPage(
            items=views, next_cursor=cursor_at(found[limit - 1][0], order) if more else None
        )

    def get(self, comparison_id: str) -> ComparisonView:
        """One comparison.

        Raises:
            NotFound: Where there is none of that id.
        """
        with self.units.read() as unit:
            return self._view(unit, comparison_id)

    def studies(self, comparison_id: str) -> tuple[StudyView, ...]:
        """A comparison's studies by number.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            _found(unit, comparison_id)
            tallies = unit.trials.study_tallies(comparison_id)
            return study_views(unit.studies.of(comparison_id), tallies)

    def changes(
        self, comparison_id: str, *, after: int = 0, limit: int = 1000
    ) -> tuple[ChangeEvent, ...]:
        """The changes of state with a number above ``after``, in order.

        Raises:
            NotFound: Where there is no such comparison.
        """
        with self.units.read() as unit:
            _found(unit, comparison_id)
            return unit.changes.after(comparison_id, after, limit=limit)

    def last_steps(self, comparison_id: str) -> dict[str, int]:
        """The last step of every trial that has points, by the trial's id."""
        with self.units.read() as unit:
            return dict(unit.trials.last_steps(comparison_id))

    def _created_before(
        self, request: RememberedRequest, actor: Actor, idempotency_key: str
    ) -> ComparisonView:
        """What an earlier request under the same word created, if it asked for the same."""
        with self.units.read() as unit:
            known = unit.requests.get(actor.key_id, idempotency_key)
            assert known is not None, "the word is taken"
            if known.body_digest != request.body_digest:
                raise IdempotencyMismatch(
                    f"the idempotency key {idempotency_key!r} was used for another request, "
                    f"which created comparison {known.comparison_id}"
                )
            return self._view(unit, known.comparison_id)

    def _store(self, unit: UnitOfWork, comparison_id: str, planned: Plan, actor: Actor) -> None:
        comparison = ComparisonRecord(
            id=comparison_id,
            name=planned.spec.name,
            state=ComparisonState.QUEUED,
            reason="",
            owner=actor.name,
            owner_key=actor.key_id,
            created_at=self.clock.now(),
            started_at=None,
            ended_at=None,
            last_change=0,
            verdict=None,
            spec=planned.spec,
            seeds=planned.seeds,
            cancelled=() if planned.capsule is None else planned.capsule.cancelled,
        )
        unit.comparisons.add(comparison)
        if planned.capsule is not None:
            unit.capsules.add(comparison.id, planned.capsule)
        with Ledger(unit, comparison.id, actor=actor.name, clock=self.clock) as ledger:
            ledger.created("comparison", comparison.id, comparison.state)
            if planned.capsule is not None:
                ledger.remark(comparison, f"runs {planned.capsule.named} again")
            for study in planned.studies:
                queue_study(
                    unit, ledger, comparison, study, catalogue=self.catalogue, clock=self.clock
                )

    def _view(self, unit: UnitOfWork, comparison_id: str) -> ComparisonView:
        return comparison_views(unit, [_found(unit, comparison_id)], now=self.clock.now())[0]


def _digest(document: object) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _found(unit: UnitOfWork, comparison_id: str) -> ComparisonRecord:
    comparison = unit.comparisons.get(comparison_id)
    if comparison is None:
        raise _not_found(comparison_id)
    return comparison


def _not_found(comparison_id: str) -> NotFound:
    return NotFound(f"there is no comparison {comparison_id}")
