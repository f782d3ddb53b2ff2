"""Studies in a queue and clusters for them, made up."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service.contracts.states import StudyKind, StudyState
from service.domain.records import Capacity, Node, StudyRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def a_study(
    number: int,
    *,
    comparison: str = "a",
    kind: StudyKind = StudyKind.TUNING,
    trials: int = 8,
    cpus: float = 1,
    gpus: float = 0,
    workers: tuple[int, int] = (1, 1),
    **fields: Any,
) -> StudyRecord:
    """A queued study that was never tried; further fields replace the rest."""
    study = StudyRecord(
        id=f"{comparison}-s{number}",
        comparison_id=comparison,
        number=number,
        kind=kind,
        problem="p",
        contender=None,
        state=StudyState.QUEUED,
        reason="",
        attempt=0,
        fruitless=0,
        excused=0,
        reached=0,
        trials=trials,
        cpus=cpus,
        gpus=gpus,
        fewest_workers=workers[0],
        most_workers=workers[1],
        created_at=NOW,
        submitted_at=None,
        last_heartbeat=None,
        started_at=None,
        ended_at=None,
    )
    return replace(study, **fields)


def a_cluster(*cpus: float, gpus: float = 0, memory: float = 0) -> Capacity:
    """One machine for each figure."""
    nodes = tuple(Node(each, gpus, memory=memory) for each in cpus)
    return Capacity(at=NOW, reachable=True, nodes=nodes)
