"""Queries on comparisons: lists, locks, labels and what is left of deleted ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from service.contracts.extension import Extended
from service.contracts.plan import Seeds
from service.contracts.spec import ComparisonSpec
from service.contracts.states import ENDED_COMPARISONS, ComparisonState
from service.db.models import Comparison, ComparisonTag, DeletedComparison
from service.domain.comparison_rows import Deleted, Wanted
from service.domain.fairness import Share
from service.domain.ordering import CREATED, By, Order, Place
from service.domain.records import ComparisonRecord


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The stored comparisons."""

    session: Session

    def add(self, record: ComparisonRecord) -> None:
        """Store a new comparison."""
        self.session.execute(
            insert(Comparison).values(
                id=record.id,
                name=record.name,
                state=record.state,
                reason=record.reason,
                owner=record.owner,
                owner_key=record.owner_key,
                created_at=record.created_at,
                started_at=record.started_at,
                ended_at=record.ended_at,
                last_change=record.last_change,
                verdict=record.verdict,
                spec=record.spec.model_dump(mode="json"),
                seeds=record.seeds.model_dump(mode="json"),
                cancelled=list(record.cancelled),
                priority=record.spec.priority,
                at_once=record.spec.at_once,
            )
        )
        self._tag(record.id, record.spec.tags)

    def get(self, comparison_id: str) -> ComparisonRecord | None:
        """The comparison of that id, if there is one."""
        row = self.session.scalar(select(Comparison).where(Comparison.id == comparison_id))
        return _record(row) if row else None

    def lock(self, comparison_id: str, *, wait: bool = True) -> ComparisonRecord | None:
        """The comparison, held until the unit of work ends (SQLite holds the whole database)."""
        query = (
            select(Comparison)
            .where(Comparison.id == comparison_id)
            .with_for_update(skip_locked=not wait)
            .execution_options(populate_existing=True)
        )
        row = self.session.scalar(query)
        return _record(row) if row else None

    def page(
        self, limit: int, *, after: Place | None, wanted: Wanted, order: Order
    ) -> tuple[tuple[Place, ComparisonRecord], ...]:
        """Some comparisons with their places in a settled order, from those after ``after`` on."""
        query = _fitting(wanted).order_by(*map(_sorted, order)).limit(limit)
        if after is not None:
            query = query.where(_beyond(after, order))
        return tuple((_place(row, order), _record(row)) for row in self.session.scalars(query))

    def live(self) -> tuple[tuple[str, int], ...]:
        """Id and last change of the comparisons that have not ended, oldest first."""
        query = (
            select(Comparison.id, Comparison.last_change)
            .where(Comparison.state.not_in(ENDED_COMPARISONS))
            .order_by(Comparison.key)
        )
        return tuple((identity, change) for identity, change in self.session.execute(query))

    def shares(self) -> Mapping[str, Share]:
        """What each comparison that has not ended may ask of the queue, by its id."""
        query = select(
            Comparison.id, Comparison.owner, Comparison.priority, Comparison.at_once
        ).where(Comparison.state.not_in(ENDED_COMPARISONS))
        return {
            row.id: Share(row.owner, row.priority, row.at_once)
            for row in self.session.execute(query)
        }

    def set_labels(self, comparison_id: str, spec: ComparisonSpec) -> None:
        """Write a spec of another name, priority or tags."""
        values: dict[str, object] = {
            "name": spec.name,
            "priority": spec.priority,
            "spec": spec.model_dump(mode="json"),
        }
        self._update(comparison_id, values)
        self.session.execute(
            delete(ComparisonTag).where(ComparisonTag.comparison_key == _key_of(comparison_id))
        )
        self._tag(comparison_id, spec.tags)

    def delete(self, deleted: Deleted) -> None:
        """Remove a comparison with all that belongs to it, and remember that."""
        self.session.execute(delete(Comparison).where(Comparison.id == deleted.comparison_id))
        self.session.execute(insert(DeletedComparison).values(**asdict(deleted)))

    def deleted(self, comparison_ids: Collection[str]) -> Mapping[str, Deleted]:
        """Those of these comparisons that were deleted, by id."""
        query = select(DeletedComparison).where(DeletedComparison.comparison_id.in_(comparison_ids))
        columns = Deleted.__dataclass_fields__
        return {
            row.comparison_id: Deleted(**{column: getattr(row, column) for column in columns})
            for row in self.session.scalars(query)
        }

    def set_state(
        self, comparison_id: str, state: ComparisonState, *, reason: str, at: datetime
    ) -> None:
        """Write a state that the state table allows, and when it began or ended."""
        values: dict[str, object] = {"state": state, "reason": reason}
        if state is ComparisonState.RUNNING:
            values["started_at"] = func.coalesce(Comparison.started_at, at)
        values["ended_at"] = at if state in ENDED_COMPARISONS else None
        self._update(comparison_id, values)

    def set_plan(self, record: ComparisonRecord) -> None:
        """Write what the comparison is since it was extended."""
        values: dict[str, object] = {
            "spec": record.spec.model_dump(mode="json"),
            "seeds": record.seeds.model_dump(mode="json"),
            "extensions": [one.model_dump(mode="json") for one in record.extensions],
        }
        self._update(record.id, values)

    def set_cancelled(self, comparison_id: str, contenders: Sequence[str]) -> None:
        """Write which contenders were cancelled."""
        self._update(comparison_id, {"cancelled": list(contenders)})

    def set_verdict(self, comparison_id: str, verdict: str | None) -> None:
        """Write the verdict's sentence, or that there is none yet."""
        self._update(comparison_id, {"verdict": verdict})

    def _tag(self, comparison_id: str, tags: Sequence[str]) -> None:
        if tags:
            rows = [{"tag": tag, "comparison_key": _key_of(comparison_id)} for tag in tags]
            self.session.execute(insert(ComparisonTag).values(rows))

    def _update(self, comparison_id: str, values: dict[str, object]) -> None:
        self.session.execute(
            update(Comparison).where(Comparison.id == comparison_id).values(**values)
        )


def _key_of(comparison_id: str) -> ScalarSelect[int]:
    return select(Comparison.key).where(Comparison.id == comparison_id).scalar_subquery()


_SORTED_BY: Mapping[str, InstrumentedAttribute[Any]] = {
    CREATED: Comparison.key,
    "name": Comparison.name,
    "owner": Comparison.owner,
    "priority": Comparison.priority,
    "state": Comparison.state,
}


def _sorted(by: By) -> ColumnElement[Any]:
    column = _SORTED_BY[by.field]
    return column.desc() if by.descending else column.asc()


def _beyond(place: Place, order: Order) -> ColumnElement[bool]:
    """What stands after a place: farther by the first field, or alike and farther by the rest."""
    column, value = _SORTED_BY[order[0].field], place[0]
    farther = column < value if order[0].descending else column > value
    if len(order) == 1:
        return farther
    # The bound is implied by what follows it; a database begins there in the index.
    bound = column <= value if order[0].descending else column >= value
    return and_(bound, or_(farther, _beyond(place[1:], order[1:])))


def _place(row: Comparison, order: Order) -> Place:
    return tuple(getattr(row, _SORTED_BY[by.field].key) for by in order)


def _fitting(wanted: Wanted) -> Select[Comparison]:
    """The comparisons that all of it holds for."""
    query = select(Comparison)
    if wanted.states:
        query = query.where(Comparison.state.in_(wanted.states))
    for tag in wanted.tags:
        tagged = select(ComparisonTag.comparison_key).where(ComparisonTag.tag == tag)
        query = query.where(Comparison.key.in_(tagged))
    if wanted.owner is not None:
        query = query.where(Comparison.owner == wanted.owner)
    if wanted.name is not None:
        query = query.where(Comparison.name.icontains(wanted.name, autoescape=True))
    return query


def _record(row: Comparison) -> ComparisonRecord:
    return ComparisonRecord(
        id=row.id,
        name=row.name,
        state=ComparisonState(row.state),
        reason=row.reason,
        owner=row.owner,
        owner_key=row.owner_key,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        last_change=row.last_change,
        verdict=row.verdict,
        spec=ComparisonSpec.model_validate(row.spec),
        seeds=Seeds.model_validate(row.seeds),
        cancelled=tuple(row.cancelled),
        extensions=tuple(map(Extended.model_validate, row.extensions)),
    )
