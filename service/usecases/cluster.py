"""The cluster and the queue as people see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.contracts.cluster import ClusterView, NodeView, QueueEntry
from service.domain.fairness import Share
from service.domain.ports import Clock, UnitOfWork, Units
from service.domain.records import Capacity, Node, StudyRecord

_SHOWN = 200
"""Waiting studies that are listed; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What people may ask of the cluster."""

    units: Units
    clock: Clock

    def view(self) -> ClusterView:
        """The dispatcher's latest snapshot with its age, what runs, and what waits and why."""
        with self.units.read() as unit:
            capacity = unit.cluster.get()
            shares = unit.comparisons.shares()
            queued = sorted(
                unit.studies.queued(), key=lambda study: -_share(shares, study).priority
            )
            running = _entries(unit, unit.studies.live(), shares)
            waiting = _entries(unit, queued[:_SHOWN], shares)
        age = self.clock.now() - capacity.at if capacity else None
        found = capacity or Capacity(
            at=self.clock.now(), reachable=False, message="no dispatcher has looked at it yet"
        )
        return ClusterView(
            measured_at=capacity.at if capacity else None,
            age_seconds=None if age is None else max(age, timedelta()).total_seconds(),
            reachable=found.reachable,
            message=found.message,
            nodes=tuple(map(_node, found.nodes)),
            cpus=found.cpus,
            gpus=found.gpus,
            free_cpus=_sum([node.free_cpus for node in found.nodes]),
            free_gpus=_sum([node.free_gpus for node in found.nodes]),
            running=running,
            waiting=waiting,
            waiting_in_all=len(queued),
        )


def _entries(
    unit: UnitOfWork, studies: Sequence[StudyRecord], shares: Mapping[str, Share]
) -> tuple[QueueEntry, ...]:
    names: dict[str, str] = {}
    for identity in {study.comparison_id for study in studies}:
        comparison = unit.comparisons.get(identity)
        assert comparison is not None, "a foreign key holds it"
        names[identity] = comparison.name
    return tuple(
        QueueEntry(
            study_id=study.id,
            comparison_id=study.comparison_id,
            comparison=names[study.comparison_id],
            kind=study.kind,
            problem=study.problem,
            contender=study.contender,
            state=study.state,
            reason=study.reason,
            attempt=study.attempt,
            trials=study.trials,
            workers=study.most_workers,
            cpus=study.cpus,
            gpus=study.gpus,
            since=study.submitted_at or study.created_at,
            owner=_share(shares, study).owner,
            priority=_share(shares, study).priority,
        )
        for study in studies
    )


def _share(shares: Mapping[str, Share], study: StudyRecord) -> Share:
    return shares.get(study.comparison_id, Share())


def _node(node: Node) -> NodeView:
    return NodeView(
        id=node.id,
        name=node.name,
        cpus=node.cpus,
        gpus=node.gpus,
        free_cpus=node.free_cpus,
        free_gpus=node.free_gpus,
    )


def _sum(figures: Sequence[float | None]) -> float | None:
    """The sum; None where one is not known, or there is nothing to sum."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known and len(known) == len(figures) else None
